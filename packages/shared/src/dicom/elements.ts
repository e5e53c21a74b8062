/**
 * Data elements as they are written (PS3.5 §7), in any of the codings. Pure.
 *
 * Every length is checked against what is there, in sequences, items and fragments too: bytes that end early are refused
 * rather than read as far as they go. Forms that are not quite right but leave no doubt are read: a delimiter too many, odd
 * lengths, elements out of order, a VR that nobody knows.
 */
import { IchorError } from '../errors.ts';
import type { ByteSource } from './byteSource.ts';
import { hasLongLength, OTHER_VRS, vrOf } from './valueRepresentations.ts';

export type Coding = { readonly explicit: boolean; readonly littleEndian: boolean };

export const EXPLICIT_LITTLE_ENDIAN: Coding = { explicit: true, littleEndian: true };
const EXPLICIT_BIG_ENDIAN: Coding = { explicit: true, littleEndian: false };
const IMPLICIT_LITTLE_ENDIAN: Coding = { explicit: false, littleEndian: true };

/** Annex A: all but two transfer syntaxes are Explicit VR Little Endian. */
export function codingOf(transferSyntaxUid: string): Coding {
  if (transferSyntaxUid === '1.2.840.10008.1.2') return IMPLICIT_LITTLE_ENDIAN;
  return transferSyntaxUid === '1.2.840.10008.1.2.2' ? EXPLICIT_BIG_ENDIAN : EXPLICIT_LITTLE_ENDIAN;
}

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

export const PIXEL_DATA = 0x7fe00010;
const [ITEM, ITEM_END, SEQUENCE_END] = [0xfffee000, 0xfffee00d, 0xfffee0dd];
const UNDEFINED_LENGTH = 0xffffffff;
/** Far more than any device nests or writes; a dataset beyond would only keep its reader busy. */
const [MOST_LEVELS, MOST_ELEMENTS] = [64, 1_000_000];

/** One reading, and what it has left to spend. */
type Walk = { readonly source: ByteSource; readonly mayCutPixelData: boolean; elements: number };
const walkOf = (source: ByteSource, mayCutPixelData = false): Walk => ({
  source,
  mayCutPixelData,
  elements: MOST_ELEMENTS,
});

/**
 * How much of a run is there. `whole`: every element ends within it. `head`: the bytes end in Pixel Data or behind it, as those of
 * a file's beginning do. `readable`: what precedes a fault is wanted, whatever the fault.
 */
export type Extent = 'whole' | 'head' | 'readable';

/**
 * The elements of one level by tag; what is nested in them is checked now and read when it is asked for. Of two elements with
 * one tag the first counts.
 * @throws IchorError DATASET_UNREADABLE
 */
export function readElements(run: Run, extent: Extent = 'whole'): ReadonlyMap<number, Element> {
  const elements = new Map<number, Element>();
  try {
    walkElements(walkOf(run.source, extent !== 'whole'), run, 0, (element) => {
      if (!elements.has(element.tag)) elements.set(element.tag, element);
    });
  } catch (error) {
    if (extent === 'whole' || (extent === 'head' && !elements.has(PIXEL_DATA))) throw error;
  }
  return elements;
}

/** A value whose bytes are not all there yet. */
export type OpenValue = { readonly start: number; readonly end: number };

/**
 * Looks through bytes that are still coming, element by element.
 * @returns the position from which to look on, the plain value that is not complete there, and whether Pixel Data began
 */
export function scanElements(source: ByteSource, start: number, coding: Coding) {
  let [position, reachesPixelData] = [start, false];
  const run = { source, start, end: source.length, isOpen: false, coding };
  try {
    walkElements(walkOf(source), run, 0, ({ tag, next }) => {
      position = next;
      reachesPixelData ||= tag === PIXEL_DATA;
    });
    return { position, open: null, reachesPixelData };
  } catch {
    const header = headerIn(source, position, coding);
    const isPlain = header !== null && header.length !== UNDEFINED_LENGTH && header.vr !== 'SQ';
    const open: OpenValue | null = isPlain ? { start: header.start, end: header.start + header.length } : null;
    return { position, open, reachesPixelData: reachesPixelData || header?.tag === PIXEL_DATA };
  }
}

function headerIn(source: ByteSource, position: number, coding: Coding): Header | null {
  try {
    return headerAt(walkOf(source), position, source.length, coding);
  } catch {
    return null;
  }
}

/** The element that begins here. @throws IchorError DATASET_UNREADABLE */
export const readElement = (source: ByteSource, start: number, coding: Coding): Element =>
  elementAt(walkOf(source), start, source.length, coding, 0);

/** What the items of a sequence hold. @throws IchorError DATASET_UNREADABLE */
export function readItems(source: ByteSource, { start, end, coding }: Element): Run[] {
  const items: Run[] = [];
  walkItems(walkOf(source), { source, start, end, isOpen: false, coding }, 0, (item) => items.push(item));
  return items;
}

/** Sequences that an archive did not know are in Implicit VR Little Endian (§6.2.2). @returns null when it is none */
export function asSequence(source: ByteSource, element: Element): Element | null {
  const { vr, content, start, end } = element;
  if (content === 'items') return element;
  if (content !== 'value' || (vr !== null && vr !== 'UN') || !beginsWithItem(source, start, end, true)) return null;
  return { ...element, content: 'items', coding: IMPLICIT_LITTLE_ENDIAN };
}

/** Where the bytes of the fragments lie, the Basic Offset Table first (§A.4). @throws IchorError DATASET_UNREADABLE */
export function readFragments(source: ByteSource, { start, coding }: Element): { start: number; end: number }[] {
  const fragments: { start: number; end: number }[] = [];
  walkFragments(walkOf(source), start, source.length, coding, (fragment) => fragments.push(fragment));
  return fragments;
}

/** @returns where the run ends: at its Item Delimitation Item when it is open */
function walkElements(walk: Walk, run: Run, level: number, onElement?: (element: Element) => void): number {
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

function delimiterAt(source: ByteSource, position: number, end: number, { littleEndian }: Coding): number | null {
  if (position + 8 > end || source.byte(littleEndian ? position + 1 : position) !== 0xff) return null;
  const tag = tagAt(source, position, littleEndian);
  return tag === ITEM_END || tag === SEQUENCE_END ? tag : null;
}

function elementAt(walk: Walk, position: number, end: number, coding: Coding, level: number): Element {
  const header = headerAt(walk, position, end, coding);
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

type Header = Pick<Element, 'tag' | 'vr' | 'start'> & { readonly length: number; readonly isUnknown: boolean };

function headerAt(walk: Walk, position: number, end: number, { explicit, littleEndian }: Coding): Header {
  const { source } = walk;
  spend(walk);
  if (position + 8 > end) throw unreadable('it ends within the header of an element');
  const tag = tagAt(source, position, littleEndian);
  if (tag >>> 16 === 0xfffe) throw unreadable(`${named(tag)} stands where an element is due`);
  if (!explicit)
    return { tag, vr: null, start: position + 8, length: uint32(source, position + 4, true), isUnknown: false };
  const code = (source.byte(position + 4) << 8) | source.byte(position + 5);
  const vr = vrOf(code);
  const isUnknown = vr === null || vr === 'UN';
  if (!hasLongLength(code))
    return { tag, vr, start: position + 8, length: uint16(source, position + 6, littleEndian), isUnknown };
  if (position + 12 > end) throw unreadable(`it ends within the header of element ${named(tag)}`);
  return { tag, vr, start: position + 12, length: uint32(source, position + 8, littleEndian), isUnknown };
}

function completeElement(walk: Walk, header: Header, limit: number, coding: Coding, level: number): Element {
  const { tag, vr, start, length, isUnknown } = header;
  if (length === UNDEFINED_LENGTH) return openElement(walk, header, limit, coding, level);
  const end = start + length;
  if (end > limit)
    throw unreadable(
      `element ${named(tag)} ends beyond the data: ${length} bytes, of which ${limit - start} are there`,
    );
  if (isUnknown || !isSequence(walk.source, header, coding))
    return { tag, vr, start, end, next: end, content: 'value', coding };
  const sequence = { source: walk.source, start, end, isOpen: false, coding };
  return inside(tag, () => {
    walkItems(walk, sequence, level + 1);
    return { tag, vr, start, end, next: end, content: 'items', coding };
  });
}

/** In Implicit VR it must be seen; pixels, overlays and private bytes may look like it. */
function isSequence(source: ByteSource, { tag, vr, start, length }: Header, coding: Coding): boolean {
  if (coding.explicit) return vr === 'SQ';
  const group = tag >>> 16;
  const isBulk = group >= 0x5000 || group % 2 === 1;
  return (!isBulk || group === 0x5200) && beginsWithItem(source, start, start + length, true);
}

const beginsWithItem = (source: ByteSource, start: number, end: number, littleEndian: boolean): boolean =>
  start + 8 <= end && tagAt(source, start, littleEndian) === ITEM;

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
function walkItems(walk: Walk, run: Run, level: number, onItem?: (item: Run) => void): number {
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
      throw unreadable(`${named(tag)} stands where an item is due`);
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
function walkFragments(
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
    if (tag !== ITEM) throw unreadable(`${named(tag)} stands where a fragment is due`);
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
    throw reason === '' || reason.startsWith('in ') ? error : unreadable(`in ${named(tag)} ${reason}`);
  }
}

export const uint16 = (source: ByteSource, position: number, littleEndian: boolean): number =>
  littleEndian
    ? source.byte(position) | (source.byte(position + 1) << 8)
    : (source.byte(position) << 8) | source.byte(position + 1);

export const uint32 = (source: ByteSource, position: number, littleEndian: boolean): number =>
  littleEndian
    ? uint16(source, position, true) + uint16(source, position + 2, true) * 65_536
    : uint16(source, position, false) * 65_536 + uint16(source, position + 2, false);

const tagAt = (source: ByteSource, position: number, littleEndian: boolean): number =>
  uint16(source, position, littleEndian) * 65_536 + uint16(source, position + 2, littleEndian);

/** As the standard writes a tag. */
function named(tag: number): string {
  const digits = tag.toString(16).padStart(8, '0').toUpperCase();
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

const unreadable = (reason: string): IchorError => new IchorError('DATASET_UNREADABLE', { reason });
