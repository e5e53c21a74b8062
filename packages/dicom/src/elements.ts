/** Reading runs of data elements: a dataset, an item, the fragments of Pixel Data (PS3.5 §7, §A.4). Pure. */
import type { ByteSource } from './byteSource.ts';
import {
  beginsWithItem,
  type Coding,
  type Header,
  headerAt,
  IMPLICIT_LITTLE_ENDIAN,
  PIXEL_DATA,
  UNDEFINED_LENGTH,
  unreadable,
} from './elementHeader.ts';
import { type Element, elementAt, type Run, walkElements, walkFragments, walkItems, walkOf } from './walkElements.ts';

/**
 * How much of a run is there. `whole`: every element ends within it. `head`: the bytes end in Pixel Data or behind it, as those of
 * a file's beginning do. `readable`: what precedes a fault is wanted, whatever the fault.
 */
export type Extent = 'whole' | 'head' | 'readable';

/** Far more than any device writes. */
const MOST_IN_A_LEVEL = 65_536;

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
      if (elements.size > MOST_IN_A_LEVEL)
        throw unreadable(`it has more than ${MOST_IN_A_LEVEL} elements in one level`);
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
 * @throws IchorError DATASET_UNREADABLE when there are too many
 */
export function scanElements(source: ByteSource, start: number, coding: Coding) {
  const walk = walkOf(source);
  let [position, reachesPixelData] = [start, false];
  try {
    walkElements(walk, { source, start, end: source.length, isOpen: false, coding }, 0, ({ tag, next }) => {
      position = next;
      reachesPixelData ||= tag === PIXEL_DATA;
    });
    return { position, open: null, reachesPixelData };
  } catch (error) {
    if (walk.elements < 0) throw error;
    const header = headerIn(source, position, coding);
    const isPlain = header !== null && header.length !== UNDEFINED_LENGTH && header.vr !== 'SQ';
    const open: OpenValue | null = isPlain ? { start: header.start, end: header.start + header.length } : null;
    return { position, open, reachesPixelData: reachesPixelData || header?.tag === PIXEL_DATA };
  }
}

function headerIn(source: ByteSource, position: number, coding: Coding): Header | null {
  try {
    return headerAt(source, position, source.length, coding);
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
