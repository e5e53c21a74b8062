/** Losses of probabilities. Pure. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import { type Ratio, ratioOf } from './ratio.ts';
import type { Scored } from './scored.ts';

/** Probabilities are kept this far from 0 and 1, as the RSNA 2019 challenge did. */
export const CLIP = 1e-15;

/** −log of the probability given to what is true. */
export function logLossOf(truth: number, score: number): number {
  const given = truth === 1 ? score : 1 - score;
  return -Math.log(Math.min(1 - CLIP, Math.max(CLIP, given)));
}

export const meanLogLoss = (scored: Scored): Ratio => ratioOf(scored, logLossOf);

/** Mean squared difference of probability and truth. */
export const brierScore = (scored: Scored): Ratio => ratioOf(scored, (truth, score) => (truth - score) ** 2);

/**
 * The weighted multi-label log loss of the RSNA 2019 Intracranial Hemorrhage Detection challenge: per case the mean over
 * the six classes, `any` counting twice (divided by 7); then the mean over cases.
 * @param perClass the same cases, in FINDING_CLASSES order
 */
export function weightedLogLoss(perClass: readonly Scored[]): Ratio {
  const parts = perClass.map(meanLogLoss);
  const weights = FINDING_CLASSES.map((name) => (name === 'any' ? 2 : 1));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const { of } = parts[0]!;
  const counted = of.map((_, patient) =>
    parts.reduce((sum, part, index) => sum + (weights[index]! / whole) * part.counted[patient]!, 0),
  );
  return { counted, of };
}
