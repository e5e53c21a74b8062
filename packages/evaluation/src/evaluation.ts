/** What `ichor evaluate` finds out: `metrics.json` holds exactly this, the table and the page are written from it. */
import type { ReasonCode } from '@ichor/shared/reasons';
import type { BundleFigures } from './figures/bundleFigures.ts';
import type { Comparison } from './figures/comparison.ts';
import type { ReaderFigures } from './figures/readers.ts';
import type { LabelledData, LabelledStudy } from './labels/matchLabels.ts';

export const NOTICE = 'For research. Ichor is not a medical device; a clear study is not a negative read.';
/** Replicates and seed of every interval. */
export const BOOTSTRAP = { replicates: 1000, seed: 20_190_913 } as const;

export type Evaluation = {
  readonly schema: 'ichor-evaluation/1';
  readonly notice: string;
  readonly ichorVersion: string;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
  readonly machine: { readonly cpu: string; readonly inferenceThreads: number; readonly executionProviders: string };
  readonly bootstrap: typeof BOOTSTRAP;
  readonly data: Omit<LabelledData, 'studies'> & {
    readonly folders: readonly string[];
    readonly labelFiles: readonly string[];
    readonly studies: number;
    readonly inconsistentLabels: number;
    /** What production refuses and this evaluation took, such as `derived`. */
    readonly acceptedReasons: readonly ReasonCode[];
  };
  /** The bundle asked for, then those it is compared with. */
  readonly bundles: readonly [BundleFigures, ...BundleFigures[]];
  readonly comparisons: readonly Comparison[];
  readonly readers: readonly ReaderFigures[];
};

/** Counts of the data without the studies themselves. */
export const countsOf = ({ studies, ...counts }: LabelledData & { readonly studies: readonly LabelledStudy[] }) => ({
  ...counts,
  studies: studies.length,
});
