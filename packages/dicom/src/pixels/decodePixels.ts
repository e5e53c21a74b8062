/** Pixel Data of one frame → stored values' bytes, little endian, whatever the transfer syntax (PS3.5 §8, Annex A). */

import { reasonOf } from '@ichor/shared/errors';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { codestreamSize, upToEndMarker, withoutFillBeforeEnd } from '../codecs/codestream.ts';
import { decodeHtJpeg2000 } from '../codecs/htJpeg2000.ts';
import { decodeJpeg2000 } from '../codecs/jpeg2000.ts';
import { decodeJpegLossless } from '../codecs/jpegLossless.ts';
import { decodeJpegLs } from '../codecs/jpegLs.ts';
import { decodeRle } from '../codecs/rle.ts';
import type { PixelData } from '../pixelData.ts';
import { TRANSFER_SYNTAX, transferSyntax } from '../transferSyntaxes.ts';
import { encapsulatedFrame } from './encapsulatedFrame.ts';

export type FrameShape = {
  readonly rows: number;
  readonly columns: number;
  readonly bitsAllocated: number;
  /** 1-based. */
  readonly frameNumber: number;
  readonly frames: number;
};

type Decode = (frame: Uint8Array, shape: FrameShape) => Uint8Array | Promise<Uint8Array>;
const jpegLossless: Decode = decodeJpegLossless;
const DECODERS: Readonly<Record<string, Decode>> = {
  [TRANSFER_SYNTAX.rleLossless]: (frame, shape) =>
    decodeRle(frame, shape.rows * shape.columns, shape.bitsAllocated / 8),
  '1.2.840.10008.1.2.4.57': jpegLossless,
  '1.2.840.10008.1.2.4.70': jpegLossless,
  '1.2.840.10008.1.2.4.80': decodeJpegLs,
  '1.2.840.10008.1.2.4.81': decodeJpegLs,
  '1.2.840.10008.1.2.4.90': decodeJpeg2000,
  '1.2.840.10008.1.2.4.91': decodeJpeg2000,
  '1.2.840.10008.1.2.4.201': decodeHtJpeg2000,
  '1.2.840.10008.1.2.4.202': decodeHtJpeg2000,
  '1.2.840.10008.1.2.4.203': decodeHtJpeg2000,
};

/** @returns rows × columns × bitsAllocated / 8 bytes. @throws NotAnalysable */
export async function decodePixels(
  pixelData: PixelData | null,
  transferSyntaxUid: string,
  shape: FrameShape,
): Promise<Uint8Array> {
  if (pixelData === null) throw new NotAnalysable('missing-pixel-data');
  if (pixelData.kind === 'native') return nativeFrame(pixelData, transferSyntaxUid, shape);
  if (transferSyntax(transferSyntaxUid)?.encapsulated === false)
    throw new NotAnalysable('undecodable-pixel-data', `${transferSyntaxUid} holds no fragments`);
  const decode = DECODERS[transferSyntaxUid];
  if (decode === undefined) throw new NotAnalysable('unsupported-transfer-syntax', transferSyntaxUid);
  const frame = encapsulatedFrame(pixelData, shape.frameNumber, shape.frames);
  const readings = transferSyntaxUid === TRANSFER_SYNTAX.rleLossless ? [frame] : codestreamsOf(frame, shape);
  return checkedLength(await decodeFirst(readings, decode, shape), shape);
}

/**
 * The codestream as it is, then as it may have been meant. A frame of another size would be read askew, a forged one would ask
 * for any amount of memory, a cut one be made up.
 */
function codestreamsOf(frame: Uint8Array, { rows, columns }: FrameShape): Uint8Array[] {
  const size = codestreamSize(frame);
  if (size === null)
    throw new NotAnalysable('undecodable-pixel-data', 'the codestream has no frame header that a CT can have');
  if (size.rows !== rows || size.columns !== columns || size.components !== 1)
    throw new NotAnalysable(
      'truncated-pixel-data',
      `the codestream holds ${size.rows} × ${size.columns} × ${size.components} samples, the header says ${rows} × ${columns} × 1`,
    );
  const whole = upToEndMarker(frame);
  if (whole === null) throw new NotAnalysable('truncated-pixel-data', 'the codestream is cut before its end');
  return [whole, ...withoutFillBeforeEnd(whole)];
}

/** @returns what the first reading gives that can be decoded; where none can, what was wrong with the frame as it is */
async function decodeFirst(readings: readonly Uint8Array[], decode: Decode, shape: FrameShape): Promise<Uint8Array> {
  let why: string | null = null;
  for (const reading of readings) {
    try {
      const bytes = await decode(reading, shape);
      // OpenJPEG tells a fault in no other way.
      if (bytes.length > 0) return bytes;
      why ??= 'the codestream is broken';
    } catch (error) {
      why ??= reasonOf(error);
    }
  }
  throw new NotAnalysable('undecodable-pixel-data', why ?? 'the frame is empty');
}

/** What is left over behind the pixels, and shorter than a row, may have any one value; longer, it must be zeros. */
const PADDING_BYTES = new Set([0x00, 0x20, 0xff]);

function nativeFrame(
  { bytes, declaredLength }: PixelData & { kind: 'native' },
  transferSyntaxUid: string,
  shape: FrameShape,
): Uint8Array {
  const length = frameLength(shape);
  const expected = length * shape.frames;
  if (declaredLength < expected)
    throw new NotAnalysable('truncated-pixel-data', `${declaredLength} bytes where ${expected} are needed`);
  if (bytes.length < declaredLength)
    throw new NotAnalysable('truncated-pixel-data', `${bytes.length} of ${declaredLength} bytes are there`);
  if (!isPadding(bytes.subarray(expected), expected, shape))
    throw new NotAnalysable('truncated-pixel-data', `${declaredLength} bytes where ${expected} are needed`);
  const frame = bytes.subarray((shape.frameNumber - 1) * length, shape.frameNumber * length);
  return transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian && shape.bitsAllocated === 16
    ? Buffer.from(frame).swap16()
    : frame;
}

/**
 * Whether what lies behind the pixels is padding: the one byte that makes the length even (PS3.5 §8.1.1), bytes of one value
 * (0x00, 0x20, 0xFF) shorter than a row, or zeros of any length. Anything else are pixels, of an image larger than its header says.
 */
function isPadding(rest: Uint8Array, expected: number, { columns, bitsAllocated }: FrameShape): boolean {
  if (rest.length === expected % 2) return true;
  const [first = 0] = rest;
  if (rest.some((byte) => byte !== first)) return false;
  return first === 0 || (PADDING_BYTES.has(first) && rest.length < (columns * bitsAllocated) / 8);
}

function checkedLength(bytes: Uint8Array, shape: FrameShape): Uint8Array {
  if (bytes.length === frameLength(shape)) return bytes;
  throw new NotAnalysable(
    'truncated-pixel-data',
    `the codestream gives ${bytes.length} bytes where Rows × Columns need ${frameLength(shape)}`,
  );
}

const frameLength = ({ rows, columns, bitsAllocated }: FrameShape): number => (rows * columns * bitsAllocated) / 8;
