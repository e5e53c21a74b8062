/** What a flag, and its absence, would mean where hemorrhage is as rare as in practice. Pure. */
import { type Draws, type Estimate, estimate, estimateShare } from '../metrics/bootstrap.ts';
import { negativePredictiveValue, positivePredictiveValue, sensitivityAt, specificityAt } from '../metrics/rates.ts';
import { type Ratio, ratioStatistic } from '../metrics/ratio.ts';
import type { Scored } from '../metrics/scored.ts';

export const PREVALENCES = [0.03, 0.06, 0.15] as const;

export type PredictiveValues = { readonly prevalence: number; readonly ppv: Estimate; readonly npv: Estimate };

/** PPV and NPV at each prevalence, from sensitivity and specificity at the threshold. */
export function predictiveValues(scored: Scored, threshold: number, draws: Draws): PredictiveValues[] {
  const [sensitivity, specificity] = [sensitivityAt(scored, threshold), specificityAt(scored, threshold)];
  return PREVALENCES.map((prevalence) => ({
    prevalence,
    ppv: predictiveValue(positivePredictiveValue, sensitivity, specificity, prevalence, draws),
    npv: predictiveValue(negativePredictiveValue, sensitivity, specificity, prevalence, draws),
  }));
}

/**
 * Both values rise with sensitivity and with specificity. Where one of these is exactly 0 or 1, of which resampling knows
 * nothing, the bounds come from the bounds of both: wider than needed, never narrower.
 */
function predictiveValue(
  value: typeof positivePredictiveValue,
  sensitivity: Ratio,
  specificity: Ratio,
  prevalence: number,
  draws: Draws,
): Estimate {
  const [of, against] = [ratioStatistic(sensitivity), ratioStatistic(specificity)];
  const found = estimate((weights) => {
    const [one, other] = [of(weights), against(weights)];
    return one === null || other === null ? null : value(one, other, prevalence);
  }, draws);
  const [one, other] = [estimateShare(sensitivity, draws), estimateShare(specificity, draws)];
  const bounded = one.low !== null && one.high !== null && other.low !== null && other.high !== null;
  if (!bounded || (one.method === 'bootstrap' && other.method === 'bootstrap')) return found;
  return {
    value: found.value,
    low: value(one.low, other.low, prevalence),
    high: value(one.high, other.high, prevalence),
    method: 'wilson',
  };
}
