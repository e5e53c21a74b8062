/**
 * From element to element, to the end of what is nested in them. Pure.
 *
 * Every length is checked against what is there, in sequences, items and fragments too: bytes that end early are refused
 * rather than read as far as they go. Forms that are not quite right but leave no doubt are read: a delimiter too many, odd
 * lengths, elements out of order, a VR that nobody knows.
 */
import { IchorError } from '@ichor/shared/errors';
import type { ByteSource } from './byteSource.ts';
import {
  type Coding,
  delimiterAt,
  type Header,
  headerAt,
  IMPLICIT_LITTLE_ENDIAN,
  ITEM,
  ITEM_END,
  isSequence,
  PIXEL_DATA,
  SEQUENCE_END,
  tagAt,
  tagText,
  UNDEFINED_LENGTH,
  uint32,
  unreadable,
} from './elementHeader.ts';
import { OTHER_VRS } from './valueRepresentations.ts';

export type Element = {
  /** Group × 65536 + element. */
  readonly tag: number;
  /** Null in Implicit VR, and for one that is not in the table. */
  readonly vr: string | null;
  /** Of the value, its closing delimiter left out. */
  readonly start: number;
  readonly end: number;
  /** Where the next element begins. */
  readonly next: number;
  readonly content: 'value' | 'items' | 'fragments';
  /** Of what stands in its items. */
  readonly coding: Coding;
};

/** Elements one after the other: a dataset, or what an item holds. */
export type Run = {
  readonly source: ByteSource;
  readonly start: number;
  readonly end: number;
  /** Ends with an Item Delimitation Item, at the latest at `end`. */
  readonly isOpen: boolean;
  readonly coding: Coding;
};

/** Far more than any device nests or writes; a dataset beyond would only keep its reader busy. */
const [MOST_LEVELS, MOST_ELEMENTS] = [64, 1_000_000];

/** One reading, and what it has left to spend. */
export type Walk = { readonly source: ByteSource; readonly mayCutPixelData: boolean; elements: number };
export const walkOf = (source: ByteSource, mayCutPixelData = false): Walk => ({
  source,
  mayCutPixelData,
  elements: MOST_ELEMENTS,
});

/** @returns where the run ends: at its Item Delimitation Item when it is open */
export function walkElements(walk: Walk, run: Run, level: number, onElement?: (element: Element) => void): number {
  const { end, isOpen, coding } = run;
  let position = run.start;
  while (isOpen || (position < end && !(level === 0 && isPadding(walk.source, position, end)))) {
    const delimiter = delimiterAt(walk.source, position, end, coding);
    if (delimiter === ITEM_END && isOpen) return position;
    if (delimiter !== null && !isOpen) {
      position += 8;
    } else {
      const element = elementAt(walk, position, end, coding, level);
      onElement?.(element);
      position = element.next;
    }
  }
  return end;
}

/** Zeros that are too few for an element: some writers fill up with them. */
function isPadding(source: ByteSource, start: number, end: number): boolean {
  if (end - start >= 8) return false;
  for (let position = start; position < end; position++) if (source.byte(position) !== 0) return false;
  return true;
}

export function elementAt(walk: Walk, position: number, end: number, coding: Coding, level: number): Element {
  spend(walk);
  const header = headerAt(walk.source, position, end, coding);
  const isCuttable = header.tag === PIXEL_DATA && level === 0 && walk.mayCutPixelData;
  if (!isCuttable) return completeElement(walk, header, end, coding, level);
  try {
    return completeElement(walk, header, end, coding, level);
  } catch {
    const isOpen = header.length === UNDEFINED_LENGTH;
    const content = isOpen ? 'fragments' : 'value';
    return { ...header, end: isOpen ? end : header.start + header.length, next: end, content, coding };
  }
}

function completeElement(walk: Walk, header: Header, limit: number, coding: Coding, level: number): Element {
  const { tag, vr, start, length, isUnknown } = header;
  if (length === UNDEFINED_LENGTH) return openElement(walk, header, limit, coding, level);
  const end = start + length;
  if (end > limit)
    throw unreadable(
      `element ${tagText(tag)} ends beyond the data: ${length} bytes, of which ${limit - start} are there`,
    );
  if (isUnknown || !isSequence(walk.source, header, coding))
    return { tag, vr, start, end, next: end, content: 'value', coding };
  const sequence = { source: walk.source, start, end, isOpen: false, coding };
  return inside(tag, () => {
    walkItems(walk, sequence, level + 1);
    return { tag, vr, start, end, next: end, content: 'items', coding };
  });
}

/** Of undefined length: fragments, or items; those of a VR that is not known are in Implicit VR Little Endian (§6.2.2). */
function openElement(walk: Walk, header: Header, limit: number, coding: Coding, level: number): Element {
  const { tag, vr, start, isUnknown } = header;
  return inside(tag, () => {
    if (tag === PIXEL_DATA || OTHER_VRS.has(vr ?? '')) {
      const end = walkFragments(walk, start, limit, coding);
      return { tag, vr, start, end, next: end + 8, content: 'fragments', coding };
    }
    if (vr !== null && !isUnknown && vr !== 'SQ') throw unreadable(`it has no length, with VR ${vr}`);
    const inner = isUnknown ? IMPLICIT_LITTLE_ENDIAN : coding;
    const run = { source: walk.source, start, end: limit, isOpen: true, coding: inner };
    const end = walkItems(walk, run, level + 1);
    return { tag, vr, start, end, next: end + 8, content: 'items', coding: inner };
  });
}

/** @returns where the sequence ends: at its Sequence Delimitation Item when it is open */
export function walkItems(walk: Walk, run: Run, level: number, onItem?: (item: Run) => void): number {
  const { source, end, isOpen, coding } = run;
  if (level > MOST_LEVELS) throw unreadable(`its sequences are nested deeper than ${MOST_LEVELS} levels`);
  let position = run.start;
  while (isOpen || position < end) {
    spend(walk);
    if (position + 8 > end) throw unreadable(isOpen ? 'a sequence has no end' : 'a sequence ends within an item');
    const tag = tagAt(source, position, coding.littleEndian);
    const length = uint32(source, position + 4, coding.littleEndian);
    const start = position + 8;
    if (tag === SEQUENCE_END && isOpen) return position;
    if (tag === ITEM_END || tag === SEQUENCE_END) {
      position = start;
    } else if (tag !== ITEM) {
      throw unreadable(`${tagText(tag)} stands where an item is due`);
    } else {
      const hasEnd = length !== UNDEFINED_LENGTH;
      if (hasEnd && start + length > end) throw unreadable('an item ends beyond its sequence');
      const item = { source, start, end: hasEnd ? start + length : end, isOpen: !hasEnd, coding };
      onItem?.(item);
      position = walkElements(walk, item, level) + (hasEnd ? 0 : 8);
    }
  }
  return end;
}

/** Items up to the Sequence Delimitation Item (§A.4). @returns its position */
export function walkFragments(
  walk: Walk,
  start: number,
  limit: number,
  { littleEndian }: Coding,
  onFragment?: (fragment: { start: number; end: number }) => void,
): number {
  const { source } = walk;
  for (let position = start; ; ) {
    spend(walk);
    if (position + 8 > limit) throw unreadable('its fragments end without their delimiter');
    const tag = tagAt(source, position, littleEndian);
    if (tag === SEQUENCE_END) return position;
    if (tag !== ITEM) throw unreadable(`${tagText(tag)} stands where a fragment is due`);
    const end = position + 8 + uint32(source, position + 4, littleEndian);
    if (end > limit) throw unreadable('a fragment ends beyond the data');
    onFragment?.({ start: position + 8, end });
    position = end;
  }
}

function spend(walk: Walk): void {
  if (--walk.elements < 0) throw unreadable(`it has more than ${MOST_ELEMENTS} elements`);
}

/** Says in which element a fault lies. */
function inside(tag: number, read: () => Element): Element {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof IchorError ? String(error.facts['reason']) : '';
    throw reason === '' || reason.startsWith('in ') ? error : unreadable(`in ${tagText(tag)} ${reason}`);
  }
}
