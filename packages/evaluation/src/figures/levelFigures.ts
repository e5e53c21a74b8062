/** ★ All figures of one bundle at one level. Pure. */
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import { type BandedCurve, precisionRecallWithBand, rocWithBand } from '../metrics/bands.ts';
import { type Draws, type Estimate, estimate, estimateShare } from '../metrics/bootstrap.ts';
import { calibrationError, type ReliabilityBin, reliabilityBins } from '../metrics/calibration.ts';
import { brierScore, meanLogLoss, weightedLogLoss } from '../metrics/losses.ts';
import { aucStatistic, averagePrecisionStatistic, type Ranking, rank } from '../metrics/ranking.ts';
import { accuracyAt, type Confusion, confusionAt, sensitivityAt, specificityAt } from '../metrics/rates.ts';
import { ratioStatistic } from '../metrics/ratio.ts';
import type { Scored } from '../metrics/scored.ts';
import { CALLED, calledAt, type LevelCases, type ModelName, scoredOf, worstCaseOf } from './cases.ts';

/** Thresholds by name of the set, as the bundle's manifest holds them. */
export type ThresholdSets = Readonly<Record<string, Readonly<Record<FindingClass, number>>>>;
export type PerClass<T> = Readonly<Record<FindingClass, T>>;
/** By threshold set. */
export type Decisions = Readonly<Record<string, DecisionFigures>>;

/** By production's rule: a kind is called only where any hemorrhage is. */
export type DecisionFigures = {
  readonly threshold: number;
  readonly confusion: Confusion;
  readonly accuracy: Estimate;
  readonly sensitivity: Estimate;
  readonly specificity: Estimate;
  /** With what was not analysed counted as missed or falsely flagged. */
  readonly worstCase: { readonly sensitivity: Estimate; readonly specificity: Estimate };
};
/** What needs no threshold. */
export type ScoreFigures = {
  readonly auc: Estimate;
  readonly averagePrecision: Estimate;
  readonly logLoss: Estimate;
  readonly brier: Estimate;
  readonly calibrationError: Estimate;
};
export type ClassFigures = {
  readonly positives: number;
  readonly positivePatients: number;
  readonly sequence: ScoreFigures;
  readonly cnn: ScoreFigures;
  readonly worstCaseAuc: Estimate;
  readonly decisions: Decisions;
  /** Of the CNN's own probabilities at the same thresholds, which were not chosen for it. */
  readonly cnnDecisions: Decisions;
  readonly reliability: readonly ReliabilityBin[];
  readonly curves: Readonly<Record<ModelName, { readonly roc: BandedCurve; readonly precisionRecall: BandedCurve }>>;
};
export type LevelFigures = {
  readonly cases: number;
  readonly patients: number;
  readonly notAnalysed: number;
  readonly weightedLogLoss: Readonly<Record<ModelName, Estimate>>;
  readonly classes: PerClass<ClassFigures>;
};

export function levelFigures(cases: LevelCases, sets: ThresholdSets, draws: Draws): LevelFigures {
  return {
    cases: cases.analysed.length,
    patients: new Set(cases.analysed.map(({ patient }) => patient)).size,
    notAnalysed: cases.notAnalysed.length,
    weightedLogLoss: {
      sequence: weightedLossOf(cases, 'sequence', draws),
      cnn: weightedLossOf(cases, 'cnn', draws),
    },
    classes: classesOf(cases, sets, draws),
  };
}

export const perClass = <T>(of: (name: FindingClass, index: number) => T): PerClass<T> =>
  Object.fromEntries(FINDING_CLASSES.map((name, index) => [name, of(name, index)])) as PerClass<T>;

function classesOf(cases: LevelCases, sets: ThresholdSets, draws: Draws): PerClass<ClassFigures> {
  const called = Object.entries(sets).map(([set, own]) => ({ set, own, cases: calledAt(cases, inClassOrder(own)) }));
  const decisions = (name: FindingClass, index: number, model: ModelName): Decisions =>
    Object.fromEntries(
      called.map(({ set, own, cases: decided }) => [set, decisionFigures(decided, index, model, own[name], draws)]),
    );
  return perClass((name, index) => ({
    ...classFigures(cases, index, draws),
    decisions: decisions(name, index, 'sequence'),
    cnnDecisions: decisions(name, index, 'cnn'),
  }));
}

/** Thresholds as production takes them. */
export const inClassOrder = (thresholds: PerClass<number>): number[] => FINDING_CLASSES.map((name) => thresholds[name]);

function weightedLossOf({ analysed, patients }: LevelCases, model: ModelName, draws: Draws): Estimate {
  const scored = FINDING_CLASSES.map((_, index) => scoredOf(analysed, patients, index, model));
  return estimate(ratioStatistic(weightedLogLoss(scored)), draws);
}

function classFigures(
  cases: LevelCases,
  index: number,
  draws: Draws,
): Omit<ClassFigures, 'decisions' | 'cnnDecisions'> {
  const { analysed, patients } = cases;
  const [sequence, cnn] = [scoredOf(analysed, patients, index), scoredOf(analysed, patients, index, 'cnn')];
  const ranking = { sequence: rank(sequence), cnn: rank(cnn) };
  const positive = analysed.filter(({ truth }) => truth[index] === 1);
  return {
    positives: positive.length,
    positivePatients: new Set(positive.map(({ patient }) => patient)).size,
    sequence: scoreFigures(sequence, ranking.sequence, draws),
    cnn: scoreFigures(cnn, ranking.cnn, draws),
    worstCaseAuc: estimate(aucStatistic(rank(worstCaseOf(cases, index))), draws),
    reliability: reliabilityBins(sequence, draws),
    curves: {
      sequence: curvesOf(ranking.sequence, patients, FINDING_CLASSES[index] === 'any' ? draws : null),
      cnn: curvesOf(ranking.cnn, patients, null),
    },
  };
}

function scoreFigures(scored: Scored, ranking: Ranking, draws: Draws): ScoreFigures {
  return {
    auc: estimate(aucStatistic(ranking), draws),
    averagePrecision: estimate(averagePrecisionStatistic(ranking), draws),
    logLoss: estimate(ratioStatistic(meanLogLoss(scored)), draws),
    brier: estimate(ratioStatistic(brierScore(scored)), draws),
    calibrationError: calibrationError(scored, draws),
  };
}

function decisionFigures(
  called: LevelCases,
  index: number,
  model: ModelName,
  threshold: number,
  draws: Draws,
): DecisionFigures {
  const [own, worst] = [scoredOf(called.analysed, called.patients, index, model), worstCaseOf(called, index, model)];
  return {
    threshold,
    confusion: confusionAt(own, CALLED),
    accuracy: estimateShare(accuracyAt(own, CALLED), draws),
    sensitivity: estimateShare(sensitivityAt(own, CALLED), draws),
    specificity: estimateShare(specificityAt(own, CALLED), draws),
    worstCase: {
      sensitivity: estimateShare(sensitivityAt(worst, CALLED), draws),
      specificity: estimateShare(specificityAt(worst, CALLED), draws),
    },
  };
}

function curvesOf(ranking: Ranking, patients: number, draws: Draws | null) {
  return {
    roc: rocWithBand(ranking, patients, draws),
    precisionRecall: precisionRecallWithBand(ranking, patients, draws),
  };
}
