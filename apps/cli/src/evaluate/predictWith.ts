/** The studies through one bundle, with a bar that moves; what is known from an earlier run is not computed again. */
import { resolve } from 'node:path';
import type { Accepted } from '@ichor/analysis/accepted';
import { startInference } from '@ichor/analysis/inference/inference';
import type { EvaluatedBundle } from '@ichor/evaluation/figures/bundleFigures';
import { count } from '@ichor/evaluation/numbers';
import type { BundleToEvaluate } from '@ichor/evaluation/openBundles';
import { folderCache, noPredictionCache } from '@ichor/evaluation/predictions/predictionCache';
import { predictStudies } from '@ichor/evaluation/predictions/predictStudies';
import type { StudyPrediction } from '@ichor/evaluation/predictions/studyPrediction';
import type { SurveyedStudy } from '@ichor/evaluation/predictions/surveyStudies';
import type { Config } from '@ichor/settings/config';
import { localFiles } from '@ichor/store/files/folderReader';
import type { Log } from '@ichor/telemetry/log';
import type { Cli } from '../context.ts';
import { ichorVersion } from '../ichorVersion.ts';
import { startProgress } from '../terminal.ts';

/** `predictions` are parallel to the studies. */
export type Predicted = { readonly bundle: EvaluatedBundle; readonly predictions: readonly StudyPrediction[] };
export type PredictSettings = {
  readonly config: Config;
  readonly log: Log;
  readonly accepted: Accepted;
  /** Folder in which predictions are kept; null: they are not. */
  readonly out: string | null;
};

/** Under which another prediction, or picture, may result. */
export const conditionsOf = async (accepted: Accepted): Promise<string[]> => [
  await ichorVersion(),
  ...[...accepted].sort(),
];

export async function predictWith(
  { terminal }: Cli,
  bundle: BundleToEvaluate,
  studies: readonly SurveyedStudy[],
  { config, log, accepted, out }: PredictSettings,
): Promise<Predicted> {
  const inference = await startInference({ ...config, modelDir: bundle.dir, thresholds: [] }, log);
  const { model } = inference;
  const conditions = await conditionsOf(accepted);
  const cache = out === null ? noPredictionCache : folderCache(resolve(out), model, conditions);
  const progress = startProgress(terminal, `Analysing with ${model.name} ${model.version}`, studies.length);
  let known = 0;
  const onStudy = ({ studyInstanceUid }: SurveyedStudy, wasKnown: boolean): void => {
    known += Number(wasKnown);
    progress.step(`study ${studyInstanceUid}`);
  };
  try {
    const predictions = await predictStudies(studies, {
      inference,
      files: localFiles,
      cache,
      accepted,
      onStudy,
    });
    return { bundle: { identity: model, ...bundle }, predictions };
  } finally {
    progress.done();
    if (known > 0) terminal.note(`${count(known, 'study', 'studies')} known from an earlier run in ${out}`);
    await inference.close();
  }
}
