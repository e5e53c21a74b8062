/** One slice's file → Hounsfield units. */

import type { Dataset } from '@ichor/dicom/dataset';
import type { Tag } from '@ichor/dicom/keywords';
import { decodePixels } from '@ichor/dicom/pixels/decodePixels';
import { type PixelModule, toHounsfield } from '@ichor/dicom/pixels/hounsfield';
import { storedBits, type WordFormat } from '@ichor/dicom/pixels/storedValues';
import type { Part10 } from '@ichor/dicom/readPart10';
import { readPart10Pixels } from '@ichor/dicom/readPart10';
import { asIchorError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { MOST_PIXELS } from '../decoding/limits.ts';
import type { Slice } from '../types.ts';
import { pixelFault } from './pixelFaults.ts';

export type LoadedSlice = { readonly hu: Int16Array; readonly rows: number; readonly columns: number };

type StoredSlice = Pick<Slice, 'reference' | 'rows' | 'columns' | 'frameNumber' | 'frames'>;

/** int16 [rows, columns] in the stored orientation. @throws NotAnalysable, IchorError FILE_UNREADABLE */
export async function loadSlice(slice: StoredSlice, files: FileReader): Promise<LoadedSlice> {
  const { rows, columns, frameNumber, frames } = slice;
  if (rows * columns > MOST_PIXELS)
    throw new NotAnalysable('truncated-pixel-data', `${rows} × ${columns} pixels are more than any CT has`);
  const file = await fileOf(slice, files).catch((thrown: unknown) => {
    const error = asIchorError(thrown);
    throw error.code === 'FILE_UNREADABLE' ? error : new NotAnalysable('unreadable-instance', error.message);
  });
  const pixels = pixelModule(file.dataset, frameNumber);
  const shape = { rows, columns, frameNumber, frames, bitsAllocated: pixels.bitsAllocated };
  const bytes = await decodePixels(pixelDataOf(file.dataset), file.transferSyntaxUid, shape);
  const fault = pixelFault(bytes, pixels, columns);
  if (fault !== null) throw new NotAnalysable('unsupported-pixel-format', fault);
  return { hu: toHounsfield(bytes, pixels), rows, columns };
}

/** The multi-frame file that was read last: its frames come one after the other, and it may be hundreds of megabytes. */
let last: { readonly version: string; readonly file: WeakRef<Part10> } | null = null;

async function fileOf(slice: StoredSlice, files: FileReader): Promise<Part10> {
  const { reference, frames } = slice;
  if (frames === 1) return readFileOf(slice, files);
  const version = JSON.stringify([files.address, reference, (await files.stat(reference)).version]);
  const kept = last?.version === version ? last.file.deref() : undefined;
  const file = kept ?? (await readFileOf(slice, files));
  last = { version, file: new WeakRef(file) };
  return file;
}

const readFileOf = async ({ reference, rows, columns, frames }: StoredSlice, files: FileReader): Promise<Part10> =>
  readPart10Pixels(await files.open(reference), reference, rows * columns * frames * LARGEST_PIXEL_BYTES);
/** Bits Allocated of 8 and 16 are read; 32 are refused by name. */
const LARGEST_PIXEL_BYTES = 4;

function pixelDataOf(dataset: Dataset) {
  try {
    return dataset.pixelData();
  } catch (error) {
    throw new NotAnalysable('truncated-pixel-data', asIchorError(error).message);
  }
}

/** The attributes that turn bytes of a frame into Hounsfield units, checked. @throws NotAnalysable */
export function pixelModule(dataset: Dataset, frameNumber: number): PixelModule {
  const photometricInterpretation = dataset.text('PhotometricInterpretation') ?? '';
  if ((dataset.number('SamplesPerPixel') ?? 1) !== 1 || !/^MONOCHROME[12]$/.test(photometricInterpretation)) {
    throw new NotAnalysable('unsupported-photometric', photometricInterpretation || 'absent');
  }
  const word = wordOf(dataset);
  const { rescaleSlope, rescaleIntercept } = rescaleOf(dataset, frameNumber);
  return {
    ...word,
    overlayBits: overlayBitsOf(dataset, word),
    photometricInterpretation,
    rescaleSlope,
    rescaleIntercept,
    padding: paddingOf(dataset, word.signed),
  };
}

function wordOf(dataset: Dataset): Omit<WordFormat, 'overlayBits'> {
  const bitsAllocated = dataset.number('BitsAllocated') ?? 16;
  const bitsStored = dataset.number('BitsStored') ?? bitsAllocated;
  const highBit = dataset.number('HighBit') ?? bitsStored - 1;
  const representation = dataset.number('PixelRepresentation') ?? 0;
  const possible =
    [8, 16].includes(bitsAllocated) &&
    bitsStored >= 1 &&
    bitsStored <= bitsAllocated &&
    highBit < bitsAllocated &&
    highBit >= bitsStored - 1 &&
    [0, 1].includes(representation);
  if (!possible)
    throw new NotAnalysable(
      'unsupported-pixel-format',
      `${bitsStored} bits stored of ${bitsAllocated}, high bit ${highBit}, Pixel Representation ${representation}`,
    );
  return { bitsAllocated, bitsStored, highBit, signed: representation === 1 };
}

/**
 * Overlays in bits that the pixels leave free, as old devices store them: Overlay Bits Allocated (60xx,0100) is that of the
 * pixels, Overlay Bit Position (60xx,0102) the bit, and there is no Overlay Data (60xx,3000).
 */
function overlayBitsOf(dataset: Dataset, word: Omit<WordFormat, 'overlayBits'>): number {
  let bits = 0;
  for (let group = 0x6000; group <= 0x601e; group += 2) {
    const tag = (element: string): Tag => `x${group.toString(16)}${element}`;
    const position = dataset.number(tag('0102'), 'US');
    const allocated = dataset.number(tag('0100'), 'US');
    if (position === null || allocated !== word.bitsAllocated || dataset.has(tag('3000'))) continue;
    bits |= position < word.bitsAllocated ? 1 << position : 0;
  }
  if ((bits & storedBits(word)) !== 0)
    throw new NotAnalysable('unsupported-pixel-format', 'an overlay lies in the bits that hold the pixels');
  return bits;
}

/** Beyond these 16 bits cannot hold a head: everything would be black, or white, and look like nothing found. */
const [SMALLEST_SLOPE, LARGEST_SLOPE, LARGEST_INTERCEPT] = [0.01, 100, 65_536];

/** Modality LUT of the frame or of all frames (Pixel Value Transformation, 0028,9145), or else of the instance. */
function rescaleOf(dataset: Dataset, frameNumber: number): Pick<PixelModule, 'rescaleSlope' | 'rescaleIntercept'> {
  const own = dataset.items('PerFrameFunctionalGroupsSequence')[frameNumber - 1];
  const groups = [...(own === undefined ? [] : [own]), ...dataset.items('SharedFunctionalGroupsSequence')];
  const sources = [...groups.flatMap((group) => group.items('PixelValueTransformationSequence')), dataset];
  if (dataset.items('ModalityLUTSequence').length > 0)
    throw new NotAnalysable('unsupported-pixel-format', 'a Modality LUT, no linear rescale to Hounsfield units');
  const source = sources.find((one) => one.has('RescaleIntercept'));
  const rescaleIntercept = source?.number('RescaleIntercept') ?? null;
  // Absent it is 1; one that is there and is no number must not become 1.
  const rescaleSlope = source?.has('RescaleSlope') ? (source.number('RescaleSlope') ?? Number.NaN) : 1;
  if (rescaleIntercept === null || rescaleSlope === 0)
    throw new NotAnalysable('unsupported-pixel-format', 'no linear rescale to Hounsfield units');
  const believable =
    Math.abs(rescaleSlope) >= SMALLEST_SLOPE &&
    Math.abs(rescaleSlope) <= LARGEST_SLOPE &&
    Math.abs(rescaleIntercept) <= LARGEST_INTERCEPT;
  if (!believable)
    throw new NotAnalysable('unsupported-pixel-format', `rescale slope ${rescaleSlope}, intercept ${rescaleIntercept}`);
  return { rescaleSlope, rescaleIntercept };
}

/**
 * Pixel Padding Value (0028,0120) and Range Limit (0028,0121), in either order. Devices write US for signed pixels and the
 * reverse: the 16 bits are what counts.
 */
function paddingOf(dataset: Dataset, signed: boolean): readonly [number, number] | null {
  const vr = signed ? 'SS' : 'US';
  const asPixel = (number: number): number => (signed ? (number << 16) >> 16 : number & 0xffff);
  const stored = dataset.number('PixelPaddingValue', vr);
  if (stored === null) return null;
  const value = asPixel(stored);
  const limit = asPixel(dataset.number('PixelPaddingRangeLimit', vr) ?? stored);
  return [Math.min(value, limit), Math.max(value, limit)];
}
