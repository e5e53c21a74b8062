/** The three graphs of a bundle, with shapes instead of names. */
import { join } from 'node:path';
import { FINDING_CLASSES, IchorError, reasonOf } from '@ichor/shared';
import type { Bundle } from './bundle.ts';
import { openGraph, type SessionOptions } from './session.ts';

const CLASSES = FINDING_CLASSES.length;

export type Graphs = {
  /** @param hu int16 [count, rows, columns] → features [count, F], logits [count, 6] */
  cnn(
    hu: Int16Array,
    count: number,
    rows: number,
    columns: number,
  ): Promise<{ features: Float32Array; logits: Float32Array; featureCount: number }>;
  /** One slice → the last activations [F, h, w] and the class maps [6, h, w]. */
  activations(
    hu: Int16Array,
    rows: number,
    columns: number,
  ): Promise<{ activations: Float32Array; cams: Float32Array; mapRows: number; mapColumns: number }>;
  /** features [S, F], logits [S, 6] → logits [S, 6] */
  sequence(features: Float32Array, logits: Float32Array, slices: number): Promise<Float32Array>;
  /** → weights [T, F] and influence [S, T] */
  gradient(
    features: Float32Array,
    logits: Float32Array,
    slices: number,
    targets: readonly Target[],
  ): Promise<{ weights: Float32Array; influence: Float32Array }>;
};
export type Target = { readonly sliceIndex: number; readonly classIndex: number };

/** @param onMissing told of every execution provider that does not load. @throws IchorError BUNDLE_INVALID */
export async function openGraphs(
  { dir, manifest }: Bundle,
  options: SessionOptions,
  onMissing: (provider: string, reason: string) => void,
): Promise<Graphs> {
  const [cnn, sequence, gradient] = await Promise.all(
    [manifest.files.cnn, manifest.files.sequence, manifest.files.sequenceGrad].map((file) =>
      openGraph(join(dir, file.path), options, onMissing).catch((error: unknown) => {
        throw new IchorError('BUNDLE_INVALID', { path: dir, reason: `${file.path} does not load: ${reasonOf(error)}` });
      }),
    ),
  );
  return {
    async cnn(hu, count, rows, columns) {
      const out = await cnn!.run({ hu: { data: hu, shape: [count, rows, columns] } }, ['features', 'logits']);
      return { features: out['features']!.data, logits: out['logits']!.data, featureCount: out['features']!.shape[1]! };
    },
    async activations(hu, rows, columns) {
      const out = await cnn!.run({ hu: { data: hu, shape: [1, rows, columns] } }, ['activations', 'cams']);
      const [, , mapRows = 0, mapColumns = 0] = out['activations']!.shape;
      return { activations: out['activations']!.data, cams: out['cams']!.data, mapRows, mapColumns };
    },
    async sequence(features, logits, slices) {
      const out = await sequence!.run(inputs(features, logits, slices), ['sequence_logits']);
      return out['sequence_logits']!.data;
    },
    async gradient(features, logits, slices, targets) {
      const int64 = (pick: (target: Target) => number) => ({
        data: BigInt64Array.from(targets, (target) => BigInt(pick(target))),
        shape: [targets.length],
      });
      const out = await gradient!.run(
        {
          ...inputs(features, logits, slices),
          target_slice: int64((target) => target.sliceIndex),
          target_class: int64((target) => target.classIndex),
        },
        ['weights', 'influence'],
      );
      return { weights: out['weights']!.data, influence: out['influence']!.data };
    },
  };
}

const inputs = (features: Float32Array, logits: Float32Array, slices: number) => ({
  features: { data: features, shape: [slices, features.length / slices] },
  logits: { data: logits, shape: [slices, CLASSES] },
});
