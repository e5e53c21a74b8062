/**
 * Reading DICOM datasets as they came.
 *
 * Tolerant when reading: unknown and private elements are skipped, text is decoded by Specific Character Set. Every fault of
 * the bytes, however odd, is an {@link IchorError}: never another exception, never a stack overflow.
 */
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { type ByteSource, byteSource } from './byteSource.ts';
import { codingOf } from './elementHeader.ts';
import { asSequence, type Extent, readElements, readItems } from './elements.ts';
import {
  DEFLATED,
  type InflatedPixelData,
  type InflateWatch,
  inflate,
  inflateAtOnce,
  inflateReadable,
} from './inflate.ts';
import { type Keyword, type Tag, tagOf } from './keywords.ts';
import { type PixelData, pixelDataOf } from './pixelData.ts';
import { binaryReader, decimal, textsOf, withoutPadding } from './values.ts';
import type { Element, Run } from './walkElements.ts';

export type Dataset = {
  /** First value as text, decoded, without its padding; null when absent or empty. */
  text(name: Keyword | Tag): string | null;
  texts(name: Keyword | Tag): string[];
  /** First value as number, from text (DS, IS) or binary by its VR; null when absent or no number. */
  number(name: Keyword | Tag, implicitVr?: string): number | null;
  numbers(name: Keyword | Tag, implicitVr?: string): number[];
  /** Items of a sequence; empty when absent. */
  items(name: Keyword | Tag): Dataset[];
  has(name: Keyword | Tag): boolean;
  /** Null when there is none. @throws IchorError DATASET_UNREADABLE when encapsulated and broken */
  pixelData(): PixelData | null;
};

/**
 * Reads a dataset; the bytes may end in Pixel Data or behind it, and Pixel Data itself stays where it is.
 * @param bytes the dataset without preamble and file meta information
 * @throws IchorError DATASET_UNREADABLE
 */
export function parseDataset(bytes: Uint8Array, transferSyntaxUid: string): Dataset {
  return guarded(() => {
    const plain = transferSyntaxUid === DEFLATED ? inflateAtOnce(bytes) : bytes;
    return datasetIn(byteSource([plain]), transferSyntaxUid, 'head');
  });
}

/**
 * What can be read of a dataset that is broken or cut off: the elements before the fault.
 * @param bytes a dataset, or its first kilobytes
 */
export function parseReadable(bytes: Uint8Array, transferSyntaxUid: string): Dataset {
  const plain = transferSyntaxUid === DEFLATED ? inflateReadable(bytes) : bytes;
  return datasetIn(byteSource([plain]), transferSyntaxUid, 'readable');
}

/**
 * Reads a dataset from pieces, without joining them, to its last byte: every element must end within them. A deflated one is
 * inflated as far as `pixelData` says, and then only what is kept can be asked for.
 * @throws IchorError DATASET_UNREADABLE, or the one that the watch throws
 */
export async function readDataset(
  pieces: readonly Uint8Array[],
  transferSyntaxUid: string,
  pixelData: InflatedPixelData,
  watch: InflateWatch = {},
): Promise<Dataset> {
  const source = transferSyntaxUid === DEFLATED ? await inflate(pieces, pixelData, watch) : byteSource(pieces);
  return datasetIn(source, transferSyntaxUid, pixelData === 'count' ? 'whole' : 'head');
}

/** @param source not deflated any more. @throws IchorError DATASET_UNREADABLE */
function datasetIn(source: ByteSource, transferSyntaxUid: string, extent: Extent): Dataset {
  return guarded(() => {
    if (extent === 'whole' && source.length === 0) throw new Error('it is empty');
    const run = { source, start: 0, end: source.length, isOpen: false, coding: codingOf(transferSyntaxUid) };
    return view(source, readElements(run, extent), []);
  });
}

function view(
  source: ByteSource,
  elements: ReadonlyMap<number, Element>,
  inheritedCharacterSets: readonly string[],
): Dataset {
  const raw = (element: Element): Uint8Array => bytesOf(source, element);
  const ownSets = elements.get(SPECIFIC_CHARACTER_SET);
  const characterSets =
    ownSets === undefined ? inheritedCharacterSets : latin1(raw(ownSets)).split('\\').map(withoutPadding);
  const texts = (name: Keyword | Tag): string[] => {
    const element = elements.get(tagOf(name));
    if (element === undefined || element.content !== 'value' || element.start === element.end) return [];
    return textsOf(raw(element), element, characterSets);
  };
  const numbers = (name: Keyword | Tag, implicitVr?: string): number[] => {
    const element = elements.get(tagOf(name));
    if (element === undefined || element.content !== 'value') return [];
    const read = binaryReader(element, implicitVr);
    return read === null ? texts(name).map(decimal) : read(raw(element));
  };
  const sequences = new Map<string, Dataset[]>();
  return {
    texts,
    numbers,
    text: (name) => texts(name)[0] || null,
    number(name, implicitVr) {
      const value = numbers(name, implicitVr)[0];
      return value === undefined || !Number.isFinite(value) ? null : value;
    },
    items(name) {
      const known = sequences.get(name);
      if (known !== undefined) return known;
      const items = itemsIn(source, elements.get(tagOf(name)));
      const datasets = items.map((item) => view(source, readElements(item), characterSets));
      sequences.set(name, datasets);
      return datasets;
    },
    has: (name) => elements.has(tagOf(name)),
    pixelData: () => guarded(() => pixelDataOf(source, elements)),
  };
}

const SPECIFIC_CHARACTER_SET = 0x00080005;

/** A value that only looks like a sequence has no items. */
function itemsIn(source: ByteSource, element: Element | undefined): Run[] {
  const sequence = element && asSequence(source, element);
  if (!element || !sequence) return [];
  if (element.content === 'items') return readItems(source, sequence);
  try {
    return readItems(source, sequence);
  } catch {
    return [];
  }
}

function bytesOf(source: ByteSource, { start, end }: Element): Uint8Array {
  const bytes = source.bytes(start, end);
  if (bytes === null) throw new Error(`a value of ${end - start} bytes was not kept`);
  return bytes;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function guarded<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof IchorError) throw thrown;
    const reason = thrown instanceof RangeError ? 'its lengths are out of range' : reasonOf(thrown);
    throw new IchorError('DATASET_UNREADABLE', { reason }, thrown);
  }
}
