/** The graphs of a bundle, with shapes instead of names. */
import { join } from 'node:path';
import { reasonOf } from '@ichor/shared/errors';
import { type Bundle, bundleInvalid } from './bundle.ts';
import { lastLayerMaps } from './gradCam.ts';
import { type GraphName, portProblems, showsPreprocessing } from './ports.ts';
import { type Graph, type GraphOutput, openGraph, type SessionOptions } from './session.ts';

export type Graphs = {
  /** @param hu int16 [count, rows, columns]; [count, slices, rows, columns] where the bundle looks at neighbours */
  cnn(hu: Int16Array, count: number, rows: number, columns: number): Promise<SliceOutput[]>;
  /** What its preprocessing makes of these slices; null: the graph does not show it. @returns [count, channels, rows, columns] */
  channels(hu: Int16Array, count: number, rows: number, columns: number): Promise<GraphOutput | null>;
  /** features [S, F], logits [S, classes] → logits [S, classes] */
  sequence(features: Float32Array, logits: Float32Array, slices: number): Promise<Float32Array>;
  /** features [S, F] → how far the study is from what the model knows; null: the bundle cannot tell. */
  distance(features: Float32Array, slices: number): Promise<number | null>;
  /**
   * Heat maps of one slice, one per target: where the decision comes from whose gradient by the slice's features is given.
   * @param weights [T, F] @returns [T, mapRows, mapColumns]
   */
  maps(output: SliceOutput, weights: Float32Array, targets: number): Promise<Float32Array>;
  /** → weights [T, F] and influence [S, T] */
  gradient(
    features: Float32Array,
    logits: Float32Array,
    slices: number,
    targets: readonly Target[],
  ): Promise<{ weights: Float32Array; influence: Float32Array }>;
};
/** What the CNN says of one slice. */
export type SliceOutput = {
  /** [F] */
  readonly features: Float32Array;
  /** [classes] */
  readonly logits: Float32Array;
  /** What heat maps are made from: the activations of the inner layer that the bundle explains, or the last ones. */
  readonly activations: Float32Array;
  /** Of the activations: [F, h, w], or [C, h, w] where the bundle explains an inner layer. */
  readonly mapRows: number;
  readonly mapColumns: number;
};
type OnMissing = (provider: string, reason: string) => void;
type Opened = Record<'cnn' | 'sequence' | 'sequenceGrad', Graph> & Partial<Record<GraphName, Graph>>;
const GRAPHS: readonly GraphName[] = ['cnn', 'sequence', 'sequenceGrad', 'explain', 'domain'];

export type Target = { readonly sliceIndex: number; readonly classIndex: number };

/** @param onMissing told of every execution provider that does not load. @throws IchorError BUNDLE_INVALID */
export async function openGraphs(
  { dir, manifest }: Pick<Bundle, 'dir' | 'manifest'>,
  options: SessionOptions,
  onMissing: OnMissing,
): Promise<Graphs> {
  const opened = await openAll({ dir, manifest }, options, onMissing);
  const { cnn, sequence, sequenceGrad: gradient, explain = null, domain = null } = opened;
  const problems = portProblems(
    manifest,
    Object.fromEntries(Object.entries(opened).map(([name, { ports }]) => [name, ports])),
  );
  if (problems.length > 0) throw bundleInvalid(dir, problems.join('; '));
  const seen = 2 * manifest.preprocessing.neighbours + 1;
  const slicesOf = (hu: Int16Array, count: number, rows: number, columns: number) => ({
    data: hu,
    shape: seen === 1 ? [count, rows, columns] : [count, seen, rows, columns],
  });
  return {
    async cnn(hu, count, rows, columns) {
      const explained = explain === null ? 'activations' : 'inner';
      const names = ['features', 'logits', explained] as const;
      const out = await cnn.run({ hu: slicesOf(hu, count, rows, columns) }, names);
      const [, , mapRows = 0, mapColumns = 0] = out[explained]!.shape;
      const part = (name: (typeof names)[number], index: number): Float32Array => {
        const length = out[name]!.data.length / count;
        return out[name]!.data.subarray(index * length, (index + 1) * length);
      };
      return Array.from({ length: count }, (_, index) => ({
        features: part('features', index),
        logits: part('logits', index),
        activations: part(explained, index),
        mapRows,
        mapColumns,
      }));
    },
    async channels(hu, count, rows, columns) {
      if (!showsPreprocessing(cnn.ports)) return null;
      return (await cnn.run({ hu: slicesOf(hu, count, rows, columns) }, ['channels']))['channels']!;
    },
    async sequence(features, logits, slices) {
      const out = await sequence.run(inputs(features, logits, slices), ['sequence_logits']);
      return out['sequence_logits']!.data;
    },
    async maps({ features, activations, mapRows, mapColumns }, weights, targets) {
      if (explain === null) return lastLayerMaps(weights, features.length, activations);
      const channels = activations.length / (mapRows * mapColumns);
      const out = await explain.run(
        {
          inner: { data: activations, shape: [1, channels, mapRows, mapColumns] },
          weights: { data: weights, shape: [targets, features.length] },
        },
        ['maps'],
      );
      return out['maps']!.data;
    },
    async distance(features, slices) {
      if (domain === null) return null;
      const out = await domain!.run({ features: inputs(features, new Float32Array(0), slices).features }, ['distance']);
      return out['distance']!.data[0]!;
    },
    async gradient(features, logits, slices, targets) {
      const int64 = (pick: (target: Target) => number) => ({
        data: BigInt64Array.from(targets, (target) => BigInt(pick(target))),
        shape: [targets.length],
      });
      const out = await gradient.run(
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

/** @throws IchorError BUNDLE_INVALID naming the file that does not load */
async function openAll(
  { dir, manifest }: Pick<Bundle, 'dir' | 'manifest'>,
  options: SessionOptions,
  onMissing: OnMissing,
): Promise<Opened> {
  const open = async (name: GraphName): Promise<readonly [GraphName, Graph][]> => {
    const file = manifest.files[name];
    if (file === undefined) return [];
    const graph = await openGraph(join(dir, file.path), options, onMissing).catch((error: unknown) => {
      throw bundleInvalid(dir, `${file.path} does not load: ${reasonOf(error)}`);
    });
    return [[name, graph]];
  };
  return Object.fromEntries((await Promise.all(GRAPHS.map(open))).flat()) as Opened;
}

const inputs = (features: Float32Array, logits: Float32Array, slices: number) => ({
  features: { data: features, shape: [slices, features.length / slices] },
  logits: { data: logits, shape: [slices, logits.length / slices] },
});
