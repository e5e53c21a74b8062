/** Pixel Data of one frame → stored values' bytes, little endian, whatever the transfer syntax (PS3.5 §8, Annex A). */
import type { PixelData } from '@ichor/shared';
import { reasonOf } from '@ichor/shared';
import { codestreamSize, endsWhole } from '../codecs/codestream.ts';
import { decodeHtJpeg2000 } from '../codecs/htJpeg2000.ts';
import { decodeJpeg2000 } from '../codecs/jpeg2000.ts';
import { decodeJpegLossless } from '../codecs/jpegLossless.ts';
import { decodeJpegLs } from '../codecs/jpegLs.ts';
import { decodeRle } from '../codecs/rle.ts';
import { NotAnalysable } from '../notAnalysable.ts';

export type FrameShape = {
  readonly rows: number;
  readonly columns: number;
  readonly bitsAllocated: number;
  /** 1-based. */
  readonly frameNumber: number;
  readonly frames: number;
};

const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const RLE = '1.2.840.10008.1.2.5';

type Decode = (frame: Uint8Array, shape: FrameShape) => Uint8Array | Promise<Uint8Array>;
const jpegLossless: Decode = decodeJpegLossless;
const DECODERS: Readonly<Record<string, Decode>> = {
  [RLE]: (frame, shape) => decodeRle(frame, shape.rows * shape.columns, shape.bitsAllocated / 8),
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
  const decode = DECODERS[transferSyntaxUid];
  if (decode === undefined) throw new NotAnalysable('unsupported-transfer-syntax', transferSyntaxUid);
  const frame = encapsulatedFrame(pixelData, shape);
  if (transferSyntaxUid !== RLE) checkCodestream(frame, shape);
  const bytes = await attempt(() => decode(frame, shape));
  return checkedLength(bytes, shape);
}

/** A frame of another size would be read askew, a forged one would ask for any amount of memory, a cut one be made up. */
function checkCodestream(frame: Uint8Array, { rows, columns }: FrameShape): void {
  const size = codestreamSize(frame);
  if (size === null) throw new NotAnalysable('undecodable-pixel-data', 'the codestream has no frame header');
  if (size.rows !== rows || size.columns !== columns || size.components !== 1)
    throw new NotAnalysable(
      'truncated-pixel-data',
      `the codestream holds ${size.rows} × ${size.columns} × ${size.components} samples, the header says ${rows} × ${columns} × 1`,
    );
  if (!endsWhole(frame)) throw new NotAnalysable('truncated-pixel-data', 'the codestream is cut before its end');
}

async function attempt(decode: () => Uint8Array | Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await decode();
  } catch (error) {
    throw new NotAnalysable('undecodable-pixel-data', reasonOf(error));
  }
}

function nativeFrame(
  { bytes, declaredLength }: PixelData & { kind: 'native' },
  transferSyntaxUid: string,
  shape: FrameShape,
): Uint8Array {
  const length = frameLength(shape);
  const expected = length * shape.frames;
  // One byte of padding is allowed to make the length even (PS3.5 §8.1.1).
  if (declaredLength !== expected && declaredLength !== expected + (expected % 2)) {
    throw new NotAnalysable('truncated-pixel-data', `${declaredLength} bytes where ${expected} are needed`);
  }
  if (bytes.length < expected)
    throw new NotAnalysable('truncated-pixel-data', `${bytes.length} of ${expected} bytes are there`);
  const frame = bytes.subarray((shape.frameNumber - 1) * length, shape.frameNumber * length);
  return transferSyntaxUid === BIG_ENDIAN && shape.bitsAllocated === 16 ? Buffer.from(frame).swap16() : frame;
}

/**
 * The fragments of one frame, joined (PS3.5 §A.4): all for a single frame, by the Basic Offset Table, one each, or, where
 * a sender left the table empty, from one start of a codestream to the next.
 */
function encapsulatedFrame(
  { fragments, basicOffsetTable }: PixelData & { kind: 'encapsulated' },
  { frameNumber, frames }: FrameShape,
): Uint8Array {
  const chosen = (() => {
    if (frames === 1) return fragments;
    if (basicOffsetTable.length === frames) {
      const [from, to] = [
        basicOffsetTable[frameNumber - 1]!,
        basicOffsetTable[frameNumber] ?? Number.POSITIVE_INFINITY,
      ];
      return fragments.filter(({ offset }) => offset >= from && offset < to);
    }
    if (fragments.length === frames) return fragments.slice(frameNumber - 1, frameNumber);
    const starts = fragments.flatMap(({ bytes }, index) => (startsCodestream(bytes) ? [index] : []));
    if (starts.length === frames && starts[0] === 0)
      return fragments.slice(starts[frameNumber - 1], starts[frameNumber]);
    throw new NotAnalysable(
      'undecodable-pixel-data',
      `${fragments.length} fragments for ${frames} frames and no Basic Offset Table`,
    );
  })();
  if (chosen.length === 0) throw new NotAnalysable('missing-pixel-data', 'the frame has no fragment');
  return chosen.length === 1 ? chosen[0]!.bytes : Buffer.concat(chosen.map(({ bytes }) => bytes));
}

/** SOI of the JPEG family, or SOC and SIZ of JPEG 2000. */
const startsCodestream = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xd8) ||
  (bytes[0] === 0xff && bytes[1] === 0x4f && bytes[2] === 0xff && bytes[3] === 0x51);

function checkedLength(bytes: Uint8Array, shape: FrameShape): Uint8Array {
  if (bytes.length === frameLength(shape)) return bytes;
  throw new NotAnalysable(
    'truncated-pixel-data',
    `the codestream gives ${bytes.length} bytes where Rows × Columns need ${frameLength(shape)}`,
  );
}

const frameLength = ({ rows, columns, bitsAllocated }: FrameShape): number => (rows * columns * bitsAllocated) / 8;
