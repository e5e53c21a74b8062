/** ★ The studies through the very analysis that production runs; what is known from an earlier run is not computed again. */

import type { Accepted } from '@ichor/analysis/accepted';
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import type { Inference } from '@ichor/analysis/inference/inference';
import { asIchorError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';
import type { TriageResult } from '@ichor/shared/study';
import { classNames, findingOf, targetOf } from '@ichor/shared/target';
import type { PredictionCache } from './predictionCache.ts';
import type { StudyPrediction } from './studyPrediction.ts';
import type { SurveyedStudy } from './surveyStudies.ts';

export type PredictTools = {
  readonly inference: Inference;
  readonly files: FileReader;
  readonly cache: PredictionCache;
  readonly accepted: Accepted;
  readonly onStudy: (study: SurveyedStudy, known: boolean) => void;
};

/** One prediction per study, in their order. One that fails has its error as reason, and is tried again next time. */
export async function predictStudies(
  studies: readonly SurveyedStudy[],
  { inference, files, cache, accepted, onStudy }: PredictTools,
): Promise<StudyPrediction[]> {
  const predictions: StudyPrediction[] = [];
  for (const study of studies) {
    const known = await cache.load(study.inputDigest);
    const prediction = known ?? (await predictStudy(study, { inference, files, accepted }));
    if (known === null && prediction.state !== 'failed') await cache.save(study.inputDigest, prediction);
    predictions.push(prediction);
    onStudy(study, known !== null);
  }
  return predictions;
}

async function predictStudy(
  { studyInstanceUid, paths }: SurveyedStudy,
  tools: Pick<PredictTools, 'inference' | 'files' | 'accepted'>,
): Promise<StudyPrediction> {
  const from = performance.now();
  try {
    const { result } = await analyseStudy(studyInstanceUid, paths, { ...tools, features: noFeatureCache });
    return predictionOf(result, performance.now() - from);
  } catch (thrown) {
    const { code, message } = asIchorError(thrown);
    return {
      studyInstanceUid,
      state: 'failed',
      reason: { code, sentence: message, detail: null },
      series: [],
      slices: [],
      scan: null,
      durationMs: performance.now() - from,
    };
  }
}

function predictionOf(
  { studyInstanceUid, model, state, reason, series, sliceScores, findings }: TriageResult,
  durationMs: number,
): StudyPrediction {
  const names = classNames(targetOf(model));
  const slices = sliceScores.map(({ sopInstanceUid, frameNumber, probabilities, cnnProbabilities }) => ({
    sopInstanceUid,
    frameNumber: frameNumber ?? null,
    sequence: [...probabilities],
    cnn: [...cnnProbabilities],
  }));
  return {
    studyInstanceUid,
    state,
    reason: reason && { code: reason.code, sentence: reason.sentence, detail: reason.detail ?? null },
    series: series.map((one) => ({ seriesInstanceUid: one.seriesInstanceUid, reason: one.reason?.code ?? null })),
    slices,
    scan: findings && {
      sequence: names.map((name) => findingOf(findings, name).score),
      cnn: names.map((_, index) => Math.max(...slices.map(({ cnn }) => cnn[index]!))),
    },
    durationMs,
  };
}
