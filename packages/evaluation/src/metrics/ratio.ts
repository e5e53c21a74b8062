/** Figures that are sums over cases divided by sums over cases: added up per patient once, so that resampling is cheap. Pure. */
import type { Scored, Statistic, Weights } from './scored.ts';

/** Per patient: what is counted, and of how much. */
export type Ratio = { readonly counted: Float64Array; readonly of: Float64Array };

/**
 * @param counted value of a case
 * @param of weight of a case; 0 leaves it out
 */
export function ratioOf(
  { truth, score, patient, patients }: Scored,
  counted: (truth: number, score: number) => number,
  of: (truth: number, score: number) => number = () => 1,
): Ratio {
  const ratio: Ratio = { counted: new Float64Array(patients), of: new Float64Array(patients) };
  for (let index = 0; index < truth.length; index++) {
    const weight = of(truth[index]!, score[index]!);
    if (weight === 0) continue;
    ratio.counted[patient[index]!]! += weight * counted(truth[index]!, score[index]!);
    ratio.of[patient[index]!]! += weight;
  }
  return ratio;
}

/** Null when nothing is counted. */
export function ratioStatistic({ counted, of }: Ratio): Statistic {
  return (weights) => {
    const whole = weightedSum(of, weights);
    return whole === 0 ? null : weightedSum(counted, weights) / whole;
  };
}

export function weightedSum(values: ArrayLike<number>, weights: Weights): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! * weights[index]!;
  return sum;
}
