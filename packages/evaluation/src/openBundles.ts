/** The bundles that are evaluated: checked before anything long begins. */
import { resolve } from 'node:path';
import { verifyBundle } from '@ichor/analysis/inference/bundle';
import { IchorError } from '@ichor/shared/errors';
import type { EvaluatedBundle } from './figures/bundleFigures.ts';

export type BundleToEvaluate = Omit<EvaluatedBundle, 'identity'>;

/** @throws IchorError BUNDLE_INVALID with every problem of the first bad one */
export async function openBundles(dirs: readonly string[]): Promise<BundleToEvaluate[]> {
  const bundles: BundleToEvaluate[] = [];
  for (const dir of dirs.map((one) => resolve(one))) {
    const { manifest, problems } = await verifyBundle(dir);
    if (manifest === null || problems.length > 0)
      throw new IchorError('BUNDLE_INVALID', { path: dir, reason: problems.join('; ') });
    const { thresholds, training } = manifest;
    bundles.push({ dir, thresholds, trainedOn: training.map(({ name }) => name) });
  }
  return bundles;
}
