/** What is known of slices that were analysed before, so that a late slice or a second run costs only what is new. */

import type { ModelIdentity } from '@ichor/shared/study';
import type { Analysis, SliceFeatures, SliceStack } from './types.ts';

export type FeatureCache = {
  /** What is known of the slices of a stack under a model, by `featureKey`. */
  load(stack: SliceStack, model: ModelIdentity): Promise<ReadonlyMap<string, SliceFeatures>>;
  save(stack: SliceStack, analysis: Analysis): Promise<void>;
};

/** No cache: what `ichor triage DIR` uses. */
export const noFeatureCache: FeatureCache = { load: async () => new Map(), save: async () => {} };
