/** 95 % bands around curves: the curve of every replicate, read off at the same places. Pure. */
import { type Draws, quantile } from './bootstrap.ts';
import { type Point, precisionRecallCurve, type Ranking, rocCurve } from './ranking.ts';
import { onePerPatient, type Weights } from './scored.ts';

/** A curve, and at each `x` of the band the bounds of its height; the band is empty where no interval can be given. */
export type BandedCurve = {
  readonly points: readonly Point[];
  readonly band: readonly { readonly x: number; readonly low: number; readonly high: number }[];
};

const PLACES = 50;
/** Bands are read by eye: this many replicates draw them. */
const REPLICATES = 300;
const MOST_STEPS = 2_000;
/** Of fewer defined replicates no band is drawn. */
const FEWEST = 100;

/** @param draws null: the curve without a band */
export const rocWithBand = (ranking: Ranking, patients: number, draws: Draws | null): BandedCurve =>
  banded(ranking, patients, draws, rocCurve, 'last');

/** @param draws null: the curve without a band */
export const precisionRecallWithBand = (ranking: Ranking, patients: number, draws: Draws | null): BandedCurve =>
  banded(ranking, patients, draws, precisionRecallCurve, 'first');

/** @param side which point counts where several lie at one x: an ROC has its highest last, precision its highest first */
function banded(
  ranking: Ranking,
  patients: number,
  draws: Draws | null,
  curve: (ranking: Ranking, weights: Weights) => Point[],
  side: 'first' | 'last',
): BandedCurve {
  const points = thinned(curve(ranking, onePerPatient(patients)));
  const steps = coarser(ranking);
  const xs = Array.from({ length: PLACES + 1 }, (_, place) => place / PLACES);
  const heights = (draws?.replicates.slice(0, REPLICATES) ?? []).flatMap((weights) => {
    const drawn = curve(steps, weights);
    return drawn.length === 0 ? [] : [heightsAt(drawn, xs, side)];
  });
  if (points.length === 0 || heights.length < FEWEST) return { points, band: [] };
  const band = xs.map((x, place) => {
    const sorted = Float64Array.from(heights, (one) => one[place]!).sort();
    return { x, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
  });
  return { points, band };
}

/** Of hundreds of thousands of steps a band needs only some: with straight lines between them, evenly many cases apart. */
function coarser(ranking: Ranking): Ranking {
  const every = Math.ceil(ranking.end.length / MOST_STEPS);
  const kept = (_: number, index: number): boolean => (ranking.end.length - 1 - index) % every === 0;
  return { ...ranking, threshold: ranking.threshold.filter(kept), end: ranking.end.filter(kept) };
}

/** Heights of a curve at rising places, straight lines between its points. */
export function heightsAt(curve: readonly Point[], xs: readonly number[], side: 'first' | 'last'): number[] {
  let at = 0;
  return xs.map((x) => {
    while (at < curve.length - 1 && (side === 'last' ? curve[at + 1]![0] <= x : curve[at + 1]![0] < x)) at += 1;
    const [from, to] = [curve[at]!, curve[Math.min(at + 1, curve.length - 1)]!];
    if (to[0] <= from[0] || x <= from[0]) return from[1];
    return from[1] + (to[1] - from[1]) * Math.min(1, (x - from[0]) / (to[0] - from[0]));
  });
}

/** Without the points that lie between equal neighbours or closer than an eye sees. */
function thinned(points: readonly Point[], apart = 1 / 400): Point[] {
  const kept: Point[] = [];
  for (const [index, point] of points.entries()) {
    const last = kept.at(-1);
    const next = points[index + 1];
    const near = last !== undefined && Math.hypot(point[0] - last[0], point[1] - last[1]) < apart;
    const straight =
      last !== undefined &&
      next !== undefined &&
      ((last[0] === point[0] && point[0] === next[0]) || (last[1] === point[1] && point[1] === next[1]));
    if (next === undefined || !(near || straight)) kept.push(point);
  }
  return kept;
}
