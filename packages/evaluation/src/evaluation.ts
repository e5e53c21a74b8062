/** What `ichor evaluate` finds out: `metrics.json` holds exactly this, the table and the page are written from it. */
import { type Acceptable, type Accepted, MISSING_ATTRIBUTES, type MissingAttribute } from '@ichor/analysis/accepted';
import type { BundleFigures } from './figures/bundleFigures.ts';
import type { Comparison } from './figures/comparison.ts';
import type { ReaderFigures } from './figures/readers.ts';
import type { LabelledData, LabelledStudy } from './labels/matchLabels.ts';

export const NOTICE = 'For research. Ichor is not a medical device; a clear study is not a negative read.';
/** Replicates and seed of every interval. */
export const BOOTSTRAP = { replicates: 1000, seed: 20_190_913 } as const;

export type Evaluation = {
  readonly schema: 'ichor-evaluation/2';
  readonly notice: string;
  readonly ichorVersion: string;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
  readonly machine: { readonly cpu: string; readonly inferenceThreads: number; readonly executionProviders: string };
  readonly bootstrap: typeof BOOTSTRAP & {
    /** Studies where nothing says which of them are of one patient. */
    readonly resampled: 'patients' | 'studies';
  };
  readonly data: Omit<LabelledData, 'studies'> & {
    readonly folders: readonly string[];
    readonly labelFiles: readonly string[];
    readonly studies: number;
    readonly inconsistentLabels: number;
    /** What this evaluation took against production's rules, such as `derived`. */
    readonly accepted: readonly Acceptable[];
    /** Images of the labelled studies whose header lacks it, and that were taken all the same. */
    readonly missing: Readonly<Partial<Record<MissingAttribute, number>>>;
  };
  /** The bundle asked for, then those it is compared with. */
  readonly bundles: readonly [BundleFigures, ...BundleFigures[]];
  readonly comparisons: readonly Comparison[];
  readonly readers: readonly ReaderFigures[];
};

/** @param accepted what was taken; a count for each attribute among it that may be missing */
export const missingImages = (studies: readonly LabelledStudy[], accepted: Accepted): Evaluation['data']['missing'] =>
  Object.fromEntries(
    MISSING_ATTRIBUTES.filter((one) => accepted.has(one)).map((one) => [
      one,
      studies.reduce(
        (sum, { study }) => sum + study.instances.filter(({ missing }) => missing.includes(one)).length,
        0,
      ),
    ]),
  );

/** Counts of the data without the studies themselves. */
export const countsOf = ({ studies, ...counts }: LabelledData & { readonly studies: readonly LabelledStudy[] }) => ({
  ...counts,
  studies: studies.length,
});
