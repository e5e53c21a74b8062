/**
 * Pictures of the worst errors: each such study is analysed once more with thresholds at which any hemorrhage is always
 * explained, so that a missed study shows its highest slice, its highest slice that is labelled positive, and what the model
 * looked at on both.
 */

import type { Accepted } from '@ichor/analysis/accepted';
import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { drawForPage } from '@ichor/report/heatmapImage';
import type { Config } from '@ichor/settings/config';
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Log } from '@ichor/telemetry/log';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { StudyError } from './worstErrors.ts';

/** One slice in the brain window, without and with its heat map, as JPEG. */
export type ErrorImage = { readonly sliceIndex: number; readonly slice: Buffer; readonly heatmap: Buffer };
/** `images` is empty when the model gives no heat map. */
export type DrawnError = StudyError & { readonly images: readonly ErrorImage[] };

const SIDE_PIXELS = 384;
/** Any hemorrhage is always present, nothing else ever is. */
const ALWAYS_ANY = FINDING_CLASSES.map((name) => `${name}=${name === 'any' ? Number.MIN_VALUE : 1 - Number.EPSILON}`);

export type DrawTools = {
  readonly config: Config;
  readonly log: Log;
  readonly accepted: Accepted;
};

/** @param errors of the bundle at the configuration's `modelDir` */
export async function drawErrors(
  errors: readonly StudyError[],
  { studies }: LabelledData,
  { config, log, accepted }: DrawTools,
  onDrawn: (error: StudyError) => void,
): Promise<DrawnError[]> {
  if (errors.length === 0) return [];
  const inference = everySliceExplained(await startInference({ ...config, thresholds: ALWAYS_ANY }, log));
  try {
    const drawn: DrawnError[] = [];
    for (const error of errors) {
      const { studyInstanceUid, paths } = studies[error.study]!.study;
      const analysed = await analyseStudy(studyInstanceUid, paths, { inference, accepted, features: noFeatureCache });
      drawn.push({ ...error, images: await imagesOf(analysed, error) });
      onDrawn(error);
    }
    return drawn;
  } finally {
    await inference.close();
  }
}

/** Every slice but the neighbours of a higher one. */
const everySliceExplained = (inference: Inference): Inference => ({
  ...inference,
  analyse: (stack, options) => inference.analyse(stack, { ...options, maxKeySlices: stack.slices.length }),
});

async function imagesOf(analysed: AnalysedStudy, { profile }: StudyError): Promise<ErrorImage[]> {
  const { analysis, stack } = analysed;
  if (analysis === null || stack === null) return [];
  const ranked = [...analysis.keySliceImages].sort(
    (one, other) => profile[other.sliceIndex]!.probability - profile[one.sliceIndex]!.probability,
  );
  const shown = [ranked[0], ranked.find(({ sliceIndex }) => profile[sliceIndex]!.labelled === true)];
  const images: ErrorImage[] = [];
  for (const keySlice of new Set(shown))
    if (keySlice !== undefined) images.push(await drawSlice(analysed, stack, keySlice));
  return images;
}

async function drawSlice(
  { result }: AnalysedStudy,
  { slices }: NonNullable<AnalysedStudy['stack']>,
  { sliceIndex, hu, maps }: NonNullable<AnalysedStudy['analysis']>['keySliceImages'][number],
): Promise<ErrorImage> {
  const { rows, columns, positionMm } = slices[sliceIndex]!;
  const { map, mapRows, mapColumns, probability } = maps[0]!;
  const drawn = await drawForPage(
    {
      hu,
      rows,
      columns,
      map,
      mapRows,
      mapColumns,
      findings: [`Any hemorrhage ${(100 * probability).toFixed(1)} %`],
      place: `Slice ${sliceIndex + 1} of ${slices.length}, z ${positionMm[2].toFixed(1)} mm`,
      model: `${result.model.name} ${result.model.version}`,
    },
    SIDE_PIXELS,
  );
  return { sliceIndex, ...drawn };
}
