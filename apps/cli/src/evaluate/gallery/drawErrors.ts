/**
 * Pictures of the worst errors: each such study is analysed once more with thresholds at which any hemorrhage is always
 * explained, so that a missed study shows its highest slice and what the model looked at there.
 */
import type { Config, Log } from '@ichor/shared';
import { FINDING_CLASSES } from '@ichor/shared';
import {
  type AnalysedStudy,
  analyseStudy,
  drawForPage,
  type Inference,
  noFeatureCache,
  startInference,
} from '@ichor/worker';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { StudyError } from './worstErrors.ts';

/** JPEG images, and the place in the stack; null when the model gave none. */
export type DrawnError = StudyError & {
  readonly images: { readonly sliceIndex: number; readonly slice: Buffer; readonly heatmap: Buffer } | null;
};

const SIDE_PIXELS = 384;
/** Any hemorrhage is always present, nothing else ever is. */
const ALWAYS_ANY = FINDING_CLASSES.map((name) => `${name}=${name === 'any' ? Number.MIN_VALUE : 1 - Number.EPSILON}`);

/** @param config with `modelDir` of the bundle whose errors these are */
export async function drawErrors(
  errors: readonly StudyError[],
  { studies }: LabelledData,
  config: Config,
  log: Log,
  onDrawn: (error: StudyError) => void,
): Promise<DrawnError[]> {
  if (errors.length === 0) return [];
  const inference = oneKeySlice(await startInference({ ...config, thresholds: ALWAYS_ANY }, log));
  try {
    const drawn: DrawnError[] = [];
    for (const error of errors) {
      const { studyInstanceUid, paths } = studies[error.study]!.study;
      const analysed = await analyseStudy(studyInstanceUid, paths, { inference, features: noFeatureCache });
      drawn.push({ ...error, images: await imagesOf(analysed, error) });
      onDrawn(error);
    }
    return drawn;
  } finally {
    await inference.close();
  }
}

const oneKeySlice = (inference: Inference): Inference => ({
  ...inference,
  analyse: (stack, options) => inference.analyse(stack, { ...options, maxKeySlices: 1 }),
});

async function imagesOf(
  { analysis, stack, result }: AnalysedStudy,
  { score }: StudyError,
): Promise<DrawnError['images']> {
  const keySlice = analysis?.keySliceImages[0];
  const map = keySlice?.maps[0];
  if (keySlice === undefined || map === undefined || stack === null) return null;
  const { rows, columns, positionMm } = stack.slices[keySlice.sliceIndex]!;
  const drawn = await drawForPage(
    {
      hu: keySlice.hu,
      rows,
      columns,
      map: map.map,
      mapRows: map.mapRows,
      mapColumns: map.mapColumns,
      findings: [`Any hemorrhage ${(100 * score).toFixed(1)} %`],
      place: `Slice ${keySlice.sliceIndex + 1} of ${stack.slices.length}, z ${positionMm[2].toFixed(1)} mm`,
      model: `Ichor ${result.model.name} ${result.model.version}`,
    },
    SIDE_PIXELS,
  );
  return { sliceIndex: keySlice.sliceIndex, ...drawn };
}
