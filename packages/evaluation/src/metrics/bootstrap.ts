/**
 * 95 % intervals by resampling patients (percentile bootstrap): slices of one patient resemble one another, so a patient comes
 * or stays away with all slices and studies. Every figure sees the same draws, so that differences are paired. Pure.
 */
import { seededRandom } from '@ichor/shared/random';
import type { Ratio } from './ratio.ts';
import { ratioStatistic } from './ratio.ts';
import { onePerPatient, type Statistic, type Weights } from './scored.ts';

/** Weight vectors, one per replicate. */
export type Draws = { readonly patients: number; readonly replicates: readonly Weights[] };

/**
 * `low` and `high` bound the figure with 95 % confidence; null where too few replicates define it or all agree. `method` is `wilson` for a
 * share of exactly 0 or 1, of which resampling knows nothing.
 */
export type Estimate = {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly method: 'bootstrap' | 'wilson';
};

export function drawPatients(patients: number, replicates: number, seed: number): Draws {
  const random = seededRandom(seed);
  return { patients, replicates: Array.from({ length: replicates }, () => drawOnce(patients, random.uniform)) };
}

function drawOnce(patients: number, uniform: () => number): Weights {
  const weights = new Uint16Array(patients);
  for (let drawn = 0; drawn < patients; drawn++) weights[Math.floor(uniform() * patients)]! += 1;
  return weights;
}

/** Of fewer defined replicates than this share no interval is given. */
const DEFINED_FROM = 0.8;

/** Narrower than this, apart from rounding, resampling has seen no variation and says nothing. */
const NO_WIDTH = 1e-12;

/** The figure with its percentile interval. */
export function estimate(statistic: Statistic, { patients, replicates }: Draws): Estimate {
  const value = statistic(onePerPatient(patients));
  const found = replicates.map((weights) => statistic(weights)).filter((one) => one !== null);
  if (value === null || found.length < DEFINED_FROM * replicates.length || found.length === 0)
    return { value, low: null, high: null, method: 'bootstrap' };
  const sorted = Float64Array.from(found).sort();
  const [low, high] = [quantile(sorted, 0.025), quantile(sorted, 0.975)];
  return high - low < NO_WIDTH
    ? { value, low: null, high: null, method: 'bootstrap' }
    : { value, low, high, method: 'bootstrap' };
}

/** A share with its interval; by Wilson's formula over the patients concerned when it is 0 or 1. */
export function estimateShare(ratio: Ratio, draws: Draws): Estimate {
  const found = estimate(ratioStatistic(ratio), draws);
  if (found.value !== 0 && found.value !== 1) return found;
  const patients = ratio.of.reduce((count, weight) => count + Number(weight > 0), 0);
  return { ...found, ...wilsonInterval(found.value, patients), method: 'wilson' };
}

/** Wilson's score interval, 95 % (J Am Stat Assoc 1927, 22, 209). @param n number of independent observations */
export function wilsonInterval(share: number, n: number): { low: number; high: number } {
  const z = 1.959963984540054;
  const centre = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Linear interpolation between order statistics. @param sorted rising, not empty */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (above - below) * (place % 1);
}
