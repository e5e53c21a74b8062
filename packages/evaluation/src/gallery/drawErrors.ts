/**
 * Pictures of the worst errors: each such study is analysed once more with thresholds at which every class is always explained, so
 * that a missed study shows its highest slice, its highest slice that is labelled positive, and what the model looked at on both.
 * What was drawn in an earlier run is not drawn again: pictures do not depend on thresholds.
 */
import type { Accepted } from '@ichor/analysis/accepted';
import { type AnalysedStudy, analyseStudy, type StudyWithFindings } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import type { KeySliceImage } from '@ichor/analysis/types';
import { drawForPage } from '@ichor/report/heatmapImage';
import { keySlicePicture } from '@ichor/report/keySlicePicture';
import type { Config } from '@ichor/settings/config';
import type { FileReader } from '@ichor/shared/files';
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Log } from '@ichor/telemetry/log';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { ErrorImage, PictureCache } from './pictureCache.ts';
import type { StudyError } from './worstErrors.ts';

/** `images` is empty when the model gives no heat map. */
export type DrawnError = StudyError & { readonly images: readonly ErrorImage[] };

const SIDE_PIXELS = 384;
/** Every class is always present. */
const ALWAYS = FINDING_CLASSES.map((name) => `${name}=${Number.MIN_VALUE}`);

export type DrawTools = {
  readonly config: Config;
  readonly log: Log;
  readonly files: FileReader;
  readonly accepted: Accepted;
  readonly cache: PictureCache;
};

/** @param errors of the bundle at the configuration's `modelDir` @returns them in their order */
export async function drawErrors(
  errors: readonly StudyError[],
  { studies }: LabelledData,
  { config, log, files, accepted, cache }: DrawTools,
  onDrawn: (error: StudyError) => void,
): Promise<DrawnError[]> {
  const images = new Map<StudyError, readonly ErrorImage[]>();
  const digestOf = ({ study }: StudyError): string => studies[study]!.study.inputDigest;
  for (const error of errors) {
    const known = await cache.load(digestOf(error), error);
    if (known !== null) images.set(error, known);
  }
  for (const error of images.keys()) onDrawn(error);
  const left = errors.filter((error) => !images.has(error));
  const inference =
    left.length === 0 ? null : everySliceExplained(await startInference({ ...config, thresholds: ALWAYS }, log));
  try {
    for (const own of Map.groupBy(left, ({ study }) => study).values()) {
      const { studyInstanceUid, paths } = studies[own[0]!.study]!.study;
      const tools = { inference: inference!, files, accepted, features: noFeatureCache };
      const analysed = await analyseStudy(studyInstanceUid, paths, tools);
      for (const error of own) {
        const drawn = await imagesOf(analysed, error);
        images.set(error, drawn);
        await cache.save(digestOf(error), error, drawn);
        onDrawn(error);
      }
    }
  } finally {
    await inference?.close();
  }
  return errors.map((error) => ({ ...error, images: images.get(error)! }));
}

/** Every slice but the neighbours of a higher one. */
const everySliceExplained = (inference: Inference): Inference => ({
  ...inference,
  analyse: (stack, options) => inference.analyse(stack, { ...options, maxKeySlices: stack.slices.length }),
});

async function imagesOf(analysed: AnalysedStudy, { finding, profile }: StudyError): Promise<ErrorImage[]> {
  if (analysed.analysis === null) return [];
  const { analysis } = analysed;
  const ranked = analysis.keySliceImages
    .flatMap(({ sliceIndex, hu, maps }) =>
      maps
        .filter(({ classIndex }) => FINDING_CLASSES[classIndex] === finding)
        .map((map): ExplainedSlice => ({ sliceIndex, hu, map })),
    )
    .sort((one, other) => other.map.probability - one.map.probability);
  const shown = [ranked[0], ranked.find(({ sliceIndex }) => profile[sliceIndex]!.labelled === true)];
  const images: ErrorImage[] = [];
  for (const slice of new Set(shown)) if (slice !== undefined) images.push(await drawSlice(analysed, slice));
  return images;
}

type ExplainedSlice = {
  readonly sliceIndex: number;
  readonly hu: Int16Array;
  readonly map: KeySliceImage['maps'][number];
};

async function drawSlice(
  { result, stack }: StudyWithFindings,
  { sliceIndex, hu, map }: ExplainedSlice,
): Promise<ErrorImage> {
  const picture = keySlicePicture(stack, { sliceIndex, hu, maps: [map] }, result.model);
  return { sliceIndex, ...(await drawForPage(picture, SIDE_PIXELS)) };
}
