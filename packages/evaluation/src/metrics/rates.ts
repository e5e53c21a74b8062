/** Decisions at a threshold: confusion counts, accuracy, sensitivity, specificity, predictive values. Pure. */
import { type Ratio, ratioOf } from './ratio.ts';
import type { Scored } from './scored.ts';

export type Confusion = {
  readonly truePositive: number;
  readonly falseNegative: number;
  readonly falsePositive: number;
  readonly trueNegative: number;
};

/** A case is called positive when its score reaches the threshold, as in production. */
export function confusionAt({ truth, score }: Scored, threshold: number): Confusion {
  const counts = { truePositive: 0, falseNegative: 0, falsePositive: 0, trueNegative: 0 };
  for (let index = 0; index < truth.length; index++) {
    const called = score[index]! >= threshold;
    if (truth[index] === 1) counts[called ? 'truePositive' : 'falseNegative'] += 1;
    else counts[called ? 'falsePositive' : 'trueNegative'] += 1;
  }
  return counts;
}

export const sensitivityAt = (scored: Scored, threshold: number): Ratio =>
  ratioOf(
    scored,
    (_, score) => Number(score >= threshold),
    (truth) => truth,
  );

export const specificityAt = (scored: Scored, threshold: number): Ratio =>
  ratioOf(
    scored,
    (_, score) => Number(score < threshold),
    (truth) => 1 - truth,
  );

export const accuracyAt = (scored: Scored, threshold: number): Ratio =>
  ratioOf(scored, (truth, score) => Number(score >= threshold === (truth === 1)));

/** Share of the called positive that are positive, at a prevalence (Bayes). Null when nothing would be called. */
export function positivePredictiveValue(sensitivity: number, specificity: number, prevalence: number): number | null {
  const [hits, falseAlarms] = [sensitivity * prevalence, (1 - specificity) * (1 - prevalence)];
  return hits + falseAlarms === 0 ? null : hits / (hits + falseAlarms);
}

/** Share of the called negative that are negative, at a prevalence (Bayes). Null when everything would be called. */
export function negativePredictiveValue(sensitivity: number, specificity: number, prevalence: number): number | null {
  const [rejections, misses] = [specificity * (1 - prevalence), (1 - sensitivity) * prevalence];
  return rejections + misses === 0 ? null : rejections / (rejections + misses);
}
