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
import { type LevelCases, type ModelName, scoredOf, worstCaseOf } from './cases.ts';

/** Thresholds by name of the set, as the bundle's manifest holds them. */
export type ThresholdSets = Readonly<Record<string, Readonly<Record<FindingClass, number>>>>;
export type PerClass<T> = Readonly<Record<FindingClass, T>>;

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
  readonly decisions: Readonly<Record<string, DecisionFigures>>;
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
    classes: perClass((name, index) => classFigures(cases, index, namedThresholds(sets, name), draws)),
  };
}

export const perClass = <T>(of: (name: FindingClass, index: number) => T): PerClass<T> =>
  Object.fromEntries(FINDING_CLASSES.map((name, index) => [name, of(name, index)])) as PerClass<T>;

const namedThresholds = (sets: ThresholdSets, name: FindingClass): Record<string, number> =>
  Object.fromEntries(Object.entries(sets).map(([set, thresholds]) => [set, thresholds[name]]));

function weightedLossOf({ analysed, patients }: LevelCases, model: ModelName, draws: Draws): Estimate {
  const scored = FINDING_CLASSES.map((_, index) => scoredOf(analysed, patients, index, model));
  return estimate(ratioStatistic(weightedLogLoss(scored)), draws);
}

function classFigures(
  cases: LevelCases,
  index: number,
  thresholds: Readonly<Record<string, number>>,
  draws: Draws,
): ClassFigures {
  const { analysed, patients } = cases;
  const [sequence, cnn] = [scoredOf(analysed, patients, index), scoredOf(analysed, patients, index, 'cnn')];
  const ranking = { sequence: rank(sequence), cnn: rank(cnn) };
  const positive = analysed.filter(({ truth }) => truth[index] === 1);
  const worst = worstCaseOf(cases, index);
  return {
    positives: positive.length,
    positivePatients: new Set(positive.map(({ patient }) => patient)).size,
    sequence: scoreFigures(sequence, ranking.sequence, draws),
    cnn: scoreFigures(cnn, ranking.cnn, draws),
    worstCaseAuc: estimate(aucStatistic(rank(worst)), draws),
    decisions: Object.fromEntries(
      Object.entries(thresholds).map(([set, threshold]) => [set, decisionFigures(sequence, worst, threshold, draws)]),
    ),
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

function decisionFigures(scored: Scored, worst: Scored, threshold: number, draws: Draws): DecisionFigures {
  return {
    threshold,
    confusion: confusionAt(scored, threshold),
    accuracy: estimateShare(accuracyAt(scored, threshold), draws),
    sensitivity: estimateShare(sensitivityAt(scored, threshold), draws),
    specificity: estimateShare(specificityAt(scored, threshold), draws),
    worstCase: {
      sensitivity: estimateShare(sensitivityAt(worst, threshold), draws),
      specificity: estimateShare(specificityAt(worst, threshold), draws),
    },
  };
}

function curvesOf(ranking: Ranking, patients: number, draws: Draws | null) {
  return {
    roc: rocWithBand(ranking, patients, draws),
    precisionRecall: precisionRecallWithBand(ranking, patients, draws),
  };
}
