/**
 * Whether the slices of a series come from one acquisition. Pure.
 *
 * A sequential scanner gives every slice, or every rotation, a number and a time of its own, so that a difference says nothing:
 * what counts is whether acquisitions lie between each other. Numbers and times are ordered: followed in their order, one
 * acquisition runs up or down once, and one that is made in parts (skull base, then the rest) runs over places of its own each
 * time. Other marks (kernel, irradiation event …) make groups, and groups too have places of their own.
 */
import type { ScanMarks } from './scanMarks.ts';

/** A slice by its place along the normal, and what its header says of its acquisition. */
export type MarkedSlice = {
  readonly atMm: number;
  readonly acquisitionNumber: number | null;
  readonly marks: ScanMarks;
};

/** So many slices of one acquisition within the range of another are no rounding and no repeated rotation. */
const LEAST_INSIDE = 3;
/** A run up or down with fewer slices than this share of all is the disorder of numbers that count something else. */
const LEAST_OF_SWEEP = 0.2;

/** @returns the name of the attribute that tells two acquisitions apart, or null when there is one acquisition */
export function interleavedBy(slices: readonly MarkedSlice[]): string | null {
  const shared = new Set(slices.flatMap(({ marks }) => Object.keys(marks.shared)));
  for (const name of shared)
    if (
      overlap(
        groups(slices, ({ marks }) => marks.shared[name]),
        LEAST_INSIDE,
      )
    )
      return name;
  const ordered: readonly (readonly [string, Key])[] = [
    ['Acquisition Number', ({ acquisitionNumber }) => acquisitionNumber],
    ['Acquisition Time', ({ marks }) => marks.acquiredAt],
    ['Instance Number', ({ marks }) => marks.instanceNumber],
  ];
  const leastOfSweep = Math.max(LEAST_INSIDE, LEAST_OF_SWEEP * slices.length);
  for (const [name, key] of ordered) {
    const own = groups(slices, key);
    if (overlap(own, LEAST_INSIDE) || overlap(sweeps(own), leastOfSweep)) return name;
  }
  return countsTwice(slices) ? 'Instance Number' : null;
}

type Key = (slice: MarkedSlice) => string | number | null | undefined;
/** Places of slices, mm. */
type Places = readonly number[];

/** Places of slices that share a key, in the order of the keys; slices without one are left out. */
function groups(slices: readonly MarkedSlice[], key: Key): Places[] {
  const keyed = slices.filter((slice) => (key(slice) ?? null) !== null);
  const grouped = [...Map.groupBy(keyed, key)] as [string | number, MarkedSlice[]][];
  return grouped.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, own]) => own.map(({ atMm }) => atMm));
}

/** Successive groups joined as long as they go on in one direction. */
function sweeps(ordered: readonly Places[]): Places[] {
  const joined: number[][] = [];
  let [lastMm, direction] = [Number.NaN, 0];
  for (const places of ordered) {
    const middleMm = (Math.min(...places) + Math.max(...places)) / 2;
    const step = Math.sign(middleMm - lastMm);
    const goesOn = joined.length > 0 && (step === 0 || direction === 0 || step === direction);
    if (goesOn) joined.at(-1)!.push(...places);
    else joined.push([...places]);
    direction = goesOn ? direction || step : 0;
    lastMm = middleMm;
  }
  return joined;
}

/** Whether several slices of one group lie within the range of another; groups of fewer slices than `least` do not count. */
function overlap(grouped: readonly Places[], least: number): boolean {
  const large = grouped.filter((places) => places.length >= least);
  return large.some((one, index) =>
    large.slice(index + 1).some((other) => lieWithin(one, other) || lieWithin(other, one)),
  );
}

function lieWithin(one: Places, other: Places): boolean {
  const [fromMm, toMm] = [Math.min(...other), Math.max(...other)];
  return one.filter((mm) => mm > fromMm && mm < toMm).length >= LEAST_INSIDE;
}

/** Two acquisitions that are numbered alike: most numbers stand twice. One number for all slices counts nothing. */
function countsTwice(slices: readonly MarkedSlice[]): boolean {
  const numbered = groups(slices, ({ marks }) => marks.instanceNumber);
  return numbered.length > 1 && numbered.filter((own) => own.length === 2).length > numbered.length / 2;
}
