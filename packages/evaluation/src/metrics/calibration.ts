/** Do the probabilities mean what they say? Reliability bins and expected calibration error. Pure. */
import { type Draws, type Estimate, estimate, estimateShare } from './bootstrap.ts';
import { type Ratio, ratioOf, ratioStatistic, weightedSum } from './ratio.ts';
import type { Scored, Statistic } from './scored.ts';

export const BINS = 10;

/** A bin of equal width: what was predicted on average, and how often it was so. */
export type ReliabilityBin = {
  readonly from: number;
  readonly to: number;
  readonly cases: number;
  readonly predicted: number;
  readonly observed: Estimate;
};

const binOf = (score: number): number => Math.min(BINS - 1, Math.floor(score * BINS));
const inBin = (bin: number) => (_: number, score: number) => Number(binOf(score) === bin);
const predictedIn = (scored: Scored, bin: number): Ratio => ratioOf(scored, (_, score) => score, inBin(bin));
const observedIn = (scored: Scored, bin: number): Ratio => ratioOf(scored, (truth) => truth, inBin(bin));

/** The bins that hold cases. */
export function reliabilityBins(scored: Scored, draws: Draws): ReliabilityBin[] {
  return Array.from({ length: BINS }, (_, bin) => bin).flatMap((bin) => {
    const [predicted, observed] = [predictedIn(scored, bin), observedIn(scored, bin)];
    const cases = observed.of.reduce((sum, count) => sum + count, 0);
    if (cases === 0) return [];
    return [
      {
        from: bin / BINS,
        to: (bin + 1) / BINS,
        cases,
        predicted: ratioStatistic(predicted)(new Uint8Array(scored.patients).fill(1))!,
        observed: estimateShare(observed, draws),
      },
    ];
  });
}

/** Mean over cases of |observed − predicted| of their bin (ten bins of equal width). */
export function calibrationErrorStatistic(scored: Scored): Statistic {
  const bins = Array.from({ length: BINS }, (_, bin) => ({
    predicted: predictedIn(scored, bin),
    observed: observedIn(scored, bin),
  })).filter(({ observed }) => observed.of.some((count) => count > 0));
  return (weights) => {
    let [gap, cases] = [0, 0];
    for (const { predicted, observed } of bins) {
      gap += Math.abs(weightedSum(observed.counted, weights) - weightedSum(predicted.counted, weights));
      cases += weightedSum(observed.of, weights);
    }
    return cases === 0 ? null : gap / cases;
  };
}

export const calibrationError = (scored: Scored, draws: Draws): Estimate =>
  estimate(calibrationErrorStatistic(scored), draws);
