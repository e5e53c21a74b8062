/** The bundles that are evaluated: checked before anything long begins. */
import { resolve } from 'node:path';
import { verifyBundle } from '@ichor/analysis/inference/bundle';
import { IchorError } from '@ichor/shared/errors';
import type { FindingClass } from '@ichor/shared/study';
import type { EvaluatedBundle } from './figures/bundleFigures.ts';
import type { ThresholdSets } from './figures/levelFigures.ts';

export type BundleToEvaluate = Omit<EvaluatedBundle, 'identity'>;

/**
 * @param needed classes that labels are of; null: whatever a bundle looks for will do
 * @throws IchorError BUNDLE_INVALID with every problem of the first bad one
 */
export async function openBundles(
  dirs: readonly string[],
  needed: readonly string[] | null,
): Promise<BundleToEvaluate[]> {
  const bundles: BundleToEvaluate[] = [];
  for (const dir of dirs.map((one) => resolve(one))) {
    const { manifest, problems } = await verifyBundle(dir);
    if (manifest === null || problems.length > 0)
      throw new IchorError('BUNDLE_INVALID', { path: dir, reason: problems.join('; ') });
    const { thresholds, training, classes } = manifest;
    if (needed !== null && classes.join() !== needed.join())
      throw new IchorError('BUNDLE_INVALID', {
        path: dir,
        reason: `it looks for ${classes.join(', ')}; there are labels and words for ${needed.join(', ')} only`,
      });
    /** A checked manifest has a threshold for each class. */
    const sets = thresholds.sets as ThresholdSets;
    bundles.push({ dir, thresholds: { ...thresholds, sets }, trainedOn: training.map(({ name }) => name) });
  }
  return bundles;
}

export type GivenThresholds = Readonly<Partial<Record<FindingClass, number>>>;
/** The threshold set that holds what was given by hand. */
export const GIVEN_SET = 'given';

/** The bundle with a further set, which becomes its default: its own default but for the classes given. Nothing given: as it is. */
export function withThresholds(bundle: BundleToEvaluate, given: GivenThresholds): BundleToEvaluate {
  const sources = Object.entries(given).map(([name, value]) => `${name} from ${value}`);
  if (sources.length === 0) return bundle;
  const { sets, default: standard, source } = bundle.thresholds;
  return {
    ...bundle,
    thresholds: {
      default: GIVEN_SET,
      sets: { ...sets, [GIVEN_SET]: { ...sets[standard]!, ...given } },
      source: `${sources.join(', ')} as given, the rest as "${standard}": ${source}`,
    },
  };
}
