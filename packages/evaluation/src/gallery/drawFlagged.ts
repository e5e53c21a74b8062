/**
 * The pictures that the PACS would get of flagged studies, for a reader who says of each whether the map lies on a bleed (the paper's
 * Figures 5 to 7: correct, partly correct, wrong).
 */
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { startInference } from '@ichor/analysis/inference/inference';
import { shownMap } from '@ichor/analysis/sliceHeatmaps';
import { drawForPage } from '@ichor/report/heatmapImage';
import { keySlicePicture } from '@ichor/report/keySlicePicture';
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import { targetOf } from '@ichor/shared/target';
import type { LabelledData, LabelledStudy } from '../labels/matchLabels.ts';
import type { DrawTools } from './drawErrors.ts';

export type FlaggedPicture = {
  readonly studyInstanceUid: string;
  readonly sopInstanceUid: string;
  /** From 1 at the skull base. */
  readonly slice: number;
  readonly slices: number;
  /** What the map explains, and its probability on this slice. */
  readonly finding: string;
  readonly probability: number;
  /** What the slice shows by its label, empty for nothing; null: it has none of its own. */
  readonly labelled: readonly FindingClass[] | null;
  /** JPEG, brain window, without and with the map. */
  readonly plain: Buffer;
  readonly heatmap: Buffer;
};

export type FlaggedTools = Pick<DrawTools, 'config' | 'log' | 'files' | 'accepted'>;
const SIDE_PIXELS = 384;

/** @param flagged indices of studies, analysed once more with production's thresholds of the bundle */
export async function drawFlagged(
  flagged: readonly number[],
  { studies }: LabelledData,
  { config, log, files, accepted }: FlaggedTools,
  onDrawn: (studyInstanceUid: string) => void,
): Promise<FlaggedPicture[]> {
  const inference = await startInference(config, log);
  const drawn: FlaggedPicture[] = [];
  try {
    for (const index of flagged) {
      drawn.push(...(await picturesOf(studies[index]!)));
      onDrawn(studies[index]!.study.studyInstanceUid);
    }
    return drawn;
  } finally {
    await inference.close();
  }

  async function picturesOf({ study: { studyInstanceUid, paths }, slices: labels }: LabelledStudy) {
    const { stack, analysis, result } = await analyseStudy(studyInstanceUid, paths, {
      inference,
      files,
      accepted,
      features: noFeatureCache,
    });
    const pictures: FlaggedPicture[] = [];
    for (const image of analysis?.keySliceImages ?? []) {
      const target = targetOf(result.model);
      const { classIndex, probability } = shownMap(image.maps, target);
      const { sopInstanceUid } = stack!.slices[image.sliceIndex]!;
      const drawing = await drawForPage(keySlicePicture(stack!, image, result.model), SIDE_PIXELS);
      pictures.push({
        studyInstanceUid,
        sopInstanceUid,
        slice: image.sliceIndex + 1,
        slices: stack!.slices.length,
        finding: target.classes[classIndex]!.short,
        probability,
        labelled: namesOf(labels.get(sopInstanceUid)),
        plain: drawing.slice,
        heatmap: drawing.heatmap,
      });
    }
    return pictures;
  }
}

const namesOf = (label: readonly number[] | undefined): FindingClass[] | null =>
  label === undefined ? null : FINDING_CLASSES.filter((_name, index) => label[index] === 1);

/** At most so many, spread evenly from the highest score to the lowest. @param scores of the studies, null: not analysed */
export function evenlySpread(scores: readonly (number | null)[], threshold: number, most: number): number[] {
  const flagged = scores
    .flatMap((score, index) => (score !== null && score >= threshold ? [{ score, index }] : []))
    .sort((one, other) => other.score - one.score || one.index - other.index);
  if (flagged.length <= most) return flagged.map(({ index }) => index);
  return Array.from({ length: most }, (_, place) => {
    const at = most === 1 ? 0 : Math.round((place * (flagged.length - 1)) / (most - 1));
    return flagged[at]!.index;
  });
}
