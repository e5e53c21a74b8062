/** Two bundles on the same cases: differences with paired intervals. Pure. */
import type { ModelIdentity } from '@ichor/shared/study';
import type { LabelledData } from '../labels/matchLabels.ts';
import { type Draws, type Estimate, estimate } from '../metrics/bootstrap.ts';
import { weightedLogLoss } from '../metrics/losses.ts';
import { aucStatistic, rank } from '../metrics/ranking.ts';
import { ratioStatistic } from '../metrics/ratio.ts';
import type { Statistic } from '../metrics/scored.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { type AnalysedCase, casesOf, type LevelCases, type LevelName, scoredOf } from './cases.ts';
import { type PerClass, perClass } from './levelFigures.ts';

export type ComparedFigure = { readonly first: Estimate; readonly other: Estimate; readonly difference: Estimate };
export type LevelComparison = {
  /** Cases that both bundles analysed. */
  readonly cases: number;
  readonly auc: PerClass<ComparedFigure>;
  readonly weightedLogLoss: ComparedFigure;
};
/** `difference` is other − first. */
export type Comparison = {
  readonly first: ModelIdentity;
  readonly other: ModelIdentity;
} & Readonly<Record<LevelName, LevelComparison | null>>;

type Predicted = { readonly identity: ModelIdentity; readonly predictions: readonly StudyPrediction[] };

export function compareBundles(data: LabelledData, first: Predicted, other: Predicted, draws: Draws): Comparison {
  const [one, two] = [casesOf(data, first.predictions), casesOf(data, other.predictions)];
  return {
    first: first.identity,
    other: other.identity,
    scan: compareLevel(one.scan, two.scan, draws),
    slice: one.slice && two.slice && compareLevel(one.slice, two.slice, draws),
  };
}

function compareLevel(first: LevelCases, other: LevelCases, draws: Draws): LevelComparison {
  const [one, two] = inBoth(first.analysed, other.analysed);
  const scored = (cases: readonly AnalysedCase[], index: number) => scoredOf(cases, first.patients, index);
  const loss = (cases: readonly AnalysedCase[]): Statistic =>
    ratioStatistic(weightedLogLoss(Object.values(perClass((_, index) => scored(cases, index)))));
  return {
    cases: one.length,
    auc: perClass((_, index) =>
      compared(aucStatistic(rank(scored(one, index))), aucStatistic(rank(scored(two, index))), draws),
    ),
    weightedLogLoss: compared(loss(one), loss(two), draws),
  };
}

function compared(first: Statistic, other: Statistic, draws: Draws): ComparedFigure {
  const difference: Statistic = (weights) => {
    const [one, two] = [first(weights), other(weights)];
    return one === null || two === null ? null : two - one;
  };
  return { first: estimate(first, draws), other: estimate(other, draws), difference: estimate(difference, draws) };
}

const keyOf = ({ study, sopInstanceUid }: AnalysedCase): string => `${study} ${sopInstanceUid}`;

/** The cases of each that the other has too, in one order. */
function inBoth(first: readonly AnalysedCase[], other: readonly AnalysedCase[]): [AnalysedCase[], AnalysedCase[]] {
  const partners = new Map(other.map((one) => [keyOf(one), one]));
  const pairs = first.flatMap((one) => {
    const partner = partners.get(keyOf(one));
    return partner === undefined ? [] : [[one, partner] as const];
  });
  return [pairs.map(([one]) => one), pairs.map(([, partner]) => partner)];
}
