/** CNN output per slice in the database, so that a late slice or a second run costs only what is new. */
import type { FeatureCache } from '@ichor/analysis/featureCache';
import { featureKey } from '@ichor/analysis/featureKey';
import type { Analysis, SliceStack } from '@ichor/analysis/types';
import type { Database } from '@ichor/store/postgres/database';
import { loadFeatures, type SliceFeature, saveFeatures } from '@ichor/store/rows/sliceFeature';

/** The cache in the table `slice_feature`. What cannot be saved costs time at the next analysis, and this one nothing. */
export function databaseFeatureCache(database: Database): FeatureCache {
  return {
    async load(stack, model) {
      const uids = [...new Set(stack.slices.map((slice) => slice.sopInstanceUid))];
      const known = await loadFeatures(database, uids, model.sha256);
      return new Map(known.map((one) => [featureKey(one.sopInstanceUid, one.frameNumber), one]));
    },
    save: (stack, analysis) =>
      saveFeatures(database, featuresOf(stack, analysis), analysis.model.sha256).catch(() => {}),
  };
}

const featuresOf = (stack: SliceStack, analysis: Analysis): SliceFeature[] =>
  analysis.slices.map(({ pixelDigest, features, logits }, index) => {
    const { sopInstanceUid, frameNumber } = stack.slices[index]!;
    return { sopInstanceUid, frameNumber, pixelDigest, features, logits };
  });
