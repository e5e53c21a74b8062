/** Truth beside prediction, at the level of slices and of scans. Pure. */
import { findingsOf } from '@ichor/analysis/inference/findings';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { findingOf, HEMORRHAGE } from '@ichor/shared/target';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { Scored } from '../metrics/scored.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';

export const LEVELS = ['scan', 'slice'] as const;
export type LevelName = (typeof LEVELS)[number];
/** The sequence model is what Ichor decides by; the CNN alone stands beside it. */
export const MODELS = ['sequence', 'cnn'] as const;
export type ModelName = (typeof MODELS)[number];

export type Case = {
  /** Index of the study among the labelled data's studies. */
  readonly study: number;
  /** Null at scan level. */
  readonly sopInstanceUid: string | null;
  readonly patient: number;
  readonly truth: readonly number[];
  /** Six probabilities each; null when the study was not analysed. */
  readonly scores: Readonly<Record<ModelName, readonly number[]>> | null;
};
export type AnalysedCase = Case & { readonly scores: NonNullable<Case['scores']> };

export type LevelCases = {
  readonly analysed: readonly AnalysedCase[];
  /** Labelled, but its study was not analysed. */
  readonly notAnalysed: readonly Case[];
  readonly patients: number;
};

/** @param predictions parallel to the data's studies; the slice level is null where studies are labelled */
export function casesOf(
  data: LabelledData,
  predictions: readonly StudyPrediction[],
): { scan: LevelCases; slice: LevelCases | null } {
  const level = (cases: readonly Case[]): LevelCases => ({
    analysed: cases.filter(isAnalysed),
    notAnalysed: cases.filter(({ scores }) => scores === null),
    patients: data.patients,
  });
  return {
    scan: level(scanCases(data, predictions)),
    slice: data.layout === 'study' ? null : level(sliceCases(data, predictions)),
  };
}

export const isAnalysed = (one: Case): one is AnalysedCase => one.scores !== null;

function scanCases({ studies }: LabelledData, predictions: readonly StudyPrediction[]): Case[] {
  return studies.map(({ truth, patient }, study) => ({
    study,
    sopInstanceUid: null,
    patient,
    truth,
    scores: predictions[study]!.scan,
  }));
}

/** The analysed slices that have a label; of a study that was not analysed, all its labelled slices. */
function sliceCases({ studies }: LabelledData, predictions: readonly StudyPrediction[]): Case[] {
  return studies.flatMap(({ slices, patient }, study) => {
    const prediction = predictions[study]!;
    if (prediction.scan === null)
      return [...slices].map(
        ([sopInstanceUid, truth]): Case => ({ study, sopInstanceUid, patient, truth, scores: null }),
      );
    return prediction.slices.flatMap(({ sopInstanceUid, frameNumber, sequence, cnn }): Case[] => {
      const truth = frameNumber === null ? slices.get(sopInstanceUid) : undefined;
      return truth === undefined ? [] : [{ study, sopInstanceUid, patient, truth, scores: { sequence, cnn } }];
    });
  });
}

/** One class of cases, ready for the metrics. @param classIndex in FINDING_CLASSES order */
export function scoredOf(
  cases: readonly AnalysedCase[],
  patients: number,
  classIndex: number,
  model: ModelName = 'sequence',
): Scored {
  return {
    truth: Uint8Array.from(cases, ({ truth }) => truth[classIndex]!),
    score: Float64Array.from(cases, ({ scores }) => scores[model][classIndex]!),
    patient: Int32Array.from(cases, ({ patient }) => patient),
    patients,
  };
}

/** All cases, those not analysed with the score that is wrong whatever the threshold: 0 for a positive, 1 for a negative. */
export function worstCaseOf(
  { analysed, notAnalysed, patients }: LevelCases,
  classIndex: number,
  model: ModelName = 'sequence',
): Scored {
  const wrong = notAnalysed.map((one): AnalysedCase => {
    const scores = one.truth.map((truth) => 1 - truth);
    return { ...one, scores: { sequence: scores, cnn: scores } };
  });
  return scoredOf([...analysed, ...wrong], patients, classIndex, model);
}

/** What {@link calledAt} gives is called from here on. */
export const CALLED = 0.5;

/**
 * The cases with decisions in the place of scores, 1 for present and 0 for absent, by the rule of production: a kind is present only where
 * any hemorrhage is. A slice is decided as if it were the whole scan.
 * @param thresholds in FINDING_CLASSES order
 */
export function calledAt(cases: LevelCases, thresholds: readonly number[]): LevelCases {
  const called = (scores: readonly number[]): number[] => {
    const findings = findingsOf(scores, thresholds, HEMORRHAGE);
    return FINDING_CLASSES.map((name) => Number(findingOf(findings, name).present));
  };
  const analysed = cases.analysed.map(({ scores, ...one }) => ({
    ...one,
    scores: { sequence: called(scores.sequence), cnn: called(scores.cnn) },
  }));
  return { ...cases, analysed };
}
