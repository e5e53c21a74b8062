/** Two bundles on the same cases: differences with paired intervals. Pure. */
import type { ModelIdentity } from '@ichor/shared/study';
import type { LabelledData } from '../labels/matchLabels.ts';
import { type Draws, type Estimate, estimate } from '../metrics/bootstrap.ts';
import { weightedLogLoss } from '../metrics/losses.ts';
import { type McNemar, mcNemar } from '../metrics/mcnemar.ts';
import { aucStatistic, rank } from '../metrics/ranking.ts';
import { sensitivityAt, specificityAt } from '../metrics/rates.ts';
import { ratioStatistic } from '../metrics/ratio.ts';
import type { Scored, Statistic } from '../metrics/scored.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { type AnalysedCase, CALLED, calledAt, casesOf, type LevelCases, type LevelName, scoredOf } from './cases.ts';
import { type PerClass, perClass } from './levelFigures.ts';

export type ComparedFigure = { readonly first: Estimate; readonly other: Estimate; readonly difference: Estimate };
/** Sensitivity or specificity, and the positive or negative cases on which only one of the two was right. */
export type ComparedRate = ComparedFigure & { readonly mcNemar: McNemar };
export type LevelComparison = {
  /** Cases that both bundles analysed. */
  readonly cases: number;
  readonly auc: PerClass<ComparedFigure>;
  /** Each bundle at its default thresholds, by production's rule. */
  readonly sensitivity: PerClass<ComparedRate>;
  readonly specificity: PerClass<ComparedRate>;
  readonly weightedLogLoss: ComparedFigure;
};
/** `difference` is other − first. */
export type Comparison = {
  readonly first: ModelIdentity;
  readonly other: ModelIdentity;
} & Readonly<Record<LevelName, LevelComparison | null>>;

type Predicted = {
  readonly identity: ModelIdentity;
  readonly predictions: readonly StudyPrediction[];
  /** In FINDING_CLASSES order. */
  readonly thresholds: readonly number[];
};

export function compareBundles(data: LabelledData, first: Predicted, other: Predicted, draws: Draws): Comparison {
  const [one, two] = [casesOf(data, first.predictions), casesOf(data, other.predictions)];
  const level = (mine: LevelCases, theirs: LevelCases): LevelComparison => ({
    ...compareScores(mine, theirs, draws),
    ...compareDecisions(calledAt(mine, first.thresholds), calledAt(theirs, other.thresholds), draws),
  });
  return {
    first: first.identity,
    other: other.identity,
    scan: level(one.scan, two.scan),
    slice: one.slice && two.slice && level(one.slice, two.slice),
  };
}

function compareScores(
  first: LevelCases,
  other: LevelCases,
  draws: Draws,
): Omit<LevelComparison, 'sensitivity' | 'specificity'> {
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

/** @param first, other the cases with decisions in the place of scores */
function compareDecisions(
  first: LevelCases,
  other: LevelCases,
  draws: Draws,
): Pick<LevelComparison, 'sensitivity' | 'specificity'> {
  const pairs = inBoth(first.analysed, other.analysed);
  const judged = perClass(
    (_, index) => pairs.map((cases) => scoredOf(cases, first.patients, index)) as [Scored, Scored],
  );
  return {
    sensitivity: perClass((name) => comparedRate(...judged[name], 1, draws)),
    specificity: perClass((name) => comparedRate(...judged[name], 0, draws)),
  };
}

/** @param of 1: sensitivity, over the positive cases; 0: specificity, over the negative ones */
function comparedRate(first: Scored, other: Scored, of: 0 | 1, draws: Draws): ComparedRate {
  const rate = of === 1 ? sensitivityAt : specificityAt;
  const concerned = [...first.truth.keys()].filter((index) => first.truth[index] === of);
  const right = ({ score }: Scored): boolean[] => concerned.map((index) => score[index]! >= CALLED === (of === 1));
  const [one, two] = [ratioStatistic(rate(first, CALLED)), ratioStatistic(rate(other, CALLED))];
  return { ...compared(one, two, draws), mcNemar: mcNemar(right(first), right(other)) };
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
