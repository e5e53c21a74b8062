/** ★ Everything measured of one bundle on one set of labelled studies. Pure. */
import { FINDING_CLASSES, type ModelIdentity } from '@ichor/shared/study';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { Draws } from '../metrics/bootstrap.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { casesOf, scoredOf } from './cases.ts';
import { type AnalysisTime, analysisTime, type Coverage, coverageOf } from './coverage.ts';
import { type LevelFigures, levelFigures, type ThresholdSets } from './levelFigures.ts';
import { type PredictiveValues, predictiveValues } from './predictiveValues.ts';

/** What the report says of a bundle besides its figures. */
export type EvaluatedBundle = {
  readonly identity: ModelIdentity;
  readonly dir: string;
  readonly thresholds: { readonly default: string; readonly sets: ThresholdSets; readonly source: string };
  readonly trainedOn: readonly string[];
};
export type BundleFigures = EvaluatedBundle & {
  readonly coverage: Coverage;
  readonly time: AnalysisTime;
  readonly scan: LevelFigures;
  /** Null where studies are labelled. */
  readonly slice: LevelFigures | null;
  /** Any hemorrhage, per scan, by threshold set. */
  readonly predictiveValues: Readonly<Record<string, readonly PredictiveValues[]>>;
};

/** @param predictions parallel to the data's studies */
export function bundleFigures(
  bundle: EvaluatedBundle,
  data: LabelledData,
  predictions: readonly StudyPrediction[],
  draws: Draws,
): BundleFigures {
  const { scan, slice } = casesOf(data, predictions);
  const { sets } = bundle.thresholds;
  const any = scoredOf(scan.analysed, scan.patients, FINDING_CLASSES.indexOf('any'));
  return {
    ...bundle,
    coverage: coverageOf(data, predictions),
    time: analysisTime(predictions),
    scan: levelFigures(scan, sets, draws),
    slice: slice && levelFigures(slice, sets, draws),
    predictiveValues: Object.fromEntries(
      Object.entries(sets).map(([set, thresholds]) => [set, predictiveValues(any, thresholds.any, draws)]),
    ),
  };
}
