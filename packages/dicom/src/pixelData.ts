/** Pixel Data as it lies in a dataset (PS3.5 §8 and §A.4), and the tables that say where its frames begin. Pure. */
import type { ByteSource } from './byteSource.ts';
import { PIXEL_DATA, uint32 } from './elementHeader.ts';
import { readFragments } from './elements.ts';
import type { Element } from './walkElements.ts';

/** One native value, or the fragments of an encapsulated one. */
export type PixelData =
  | { readonly kind: 'native'; readonly bytes: Uint8Array; readonly declaredLength: number }
  | {
      readonly kind: 'encapsulated';
      readonly fragments: readonly Fragment[];
      readonly basicOffsetTable: readonly number[];
      /** Each frame's place, where the Extended Offset Table tells it (PS3.3 C.7.6.3.1.8). */
      readonly extendedOffsetTable?: readonly FramePlace[];
    };

/** A fragment and its byte offset from the first fragment's item tag, as the offset tables count. */
export type Fragment = { readonly offset: number; readonly bytes: Uint8Array };

/** The offset counts as that of a {@link Fragment}; the length in bytes is null where no table of lengths fits. */
export type FramePlace = { readonly offset: number; readonly lengthBytes: number | null };

const [EXTENDED_OFFSETS, EXTENDED_LENGTHS] = [0x7fe00001, 0x7fe00002];

/** Null when there is none. @throws IchorError DATASET_UNREADABLE when fragments are broken */
export function pixelDataOf(source: ByteSource, elements: ReadonlyMap<number, Element>): PixelData | null {
  const element = elements.get(PIXEL_DATA);
  if (element === undefined) return null;
  const { start, end, content } = element;
  if (content === 'value')
    return { kind: 'native', bytes: kept(source, start, Math.min(end, source.length)), declaredLength: end - start };
  const [table, ...fragments] = readFragments(source, element);
  if (table === undefined) return { kind: 'encapsulated', fragments: [], basicOffsetTable: [] };
  const first = fragments[0]?.start ?? 0;
  const extendedOffsetTable = extendedOffsetTableOf(source, elements);
  return {
    kind: 'encapsulated',
    fragments: fragments.map((fragment) => ({
      offset: fragment.start - first,
      bytes: kept(source, fragment.start, fragment.end),
    })),
    basicOffsetTable: integers(table.start, table.end, 4, (position) => uint32(source, position, true)),
    ...(extendedOffsetTable.length > 0 && { extendedOffsetTable }),
  };
}

function extendedOffsetTableOf(source: ByteSource, elements: ReadonlyMap<number, Element>): FramePlace[] {
  const offsets = longIntegers(source, elements.get(EXTENDED_OFFSETS));
  const lengths = longIntegers(source, elements.get(EXTENDED_LENGTHS));
  return offsets.map((offset, index) => ({
    offset,
    lengthBytes: lengths.length === offsets.length ? lengths[index]! : null,
  }));
}

/** Integers of 64 bits; what exceeds 2^53 fits no file, exact or not. */
const longIntegers = (source: ByteSource, element: Element | undefined): number[] =>
  element === undefined || element.content !== 'value'
    ? []
    : integers(
        element.start,
        element.end,
        8,
        (position) => uint32(source, position, true) + uint32(source, position + 4, true) * 2 ** 32,
      );

const integers = (start: number, end: number, bytes: number, read: (position: number) => number): number[] =>
  Array.from({ length: Math.floor((end - start) / bytes) }, (_, index) => read(start + index * bytes));

function kept(source: ByteSource, start: number, end: number): Uint8Array {
  const bytes = source.bytes(start, end);
  if (bytes === null) throw new Error('Pixel Data of this dataset was not kept');
  return bytes;
}
