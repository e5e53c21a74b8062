/** The golden values of a bundle, computed again: a graph that loads but computes something else is refused. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IchorError } from '@ichor/shared/errors';
import type { Bundle } from './bundle.ts';
import type { Graphs } from './graphs.ts';

type Stored = { readonly shape: readonly number[]; readonly int16Base64?: string; readonly float32Base64?: string };
type Golden = {
  readonly cnn: { readonly hu: Stored; readonly features: Stored; readonly logits: Stored };
  readonly sequence: { readonly features: Stored; readonly logits: Stored; readonly sequenceLogits: Stored };
  readonly sequenceGrad: {
    readonly targetSlice: readonly number[];
    readonly targetClass: readonly number[];
    readonly weights: Stored;
  };
  /** Maps of one slice of `cnn` under the weights of `sequenceGrad`; in bundles that explain an inner layer. */
  readonly explain?: { readonly slice: number; readonly maps: Stored };
  /** Of the sequence's features; in bundles that have a domain. */
  readonly domain?: { readonly distance: Stored };
  readonly toleranceAbsolute: number;
};

/** @throws IchorError BUNDLE_INVALID naming the output that differs most */
export async function selfTest({ dir, manifest }: Bundle, graphs: Graphs): Promise<void> {
  const golden = JSON.parse(await readFile(join(dir, manifest.files.golden.path), 'utf8')) as Golden;
  const check = (name: string, ours: Float32Array, theirs: Stored, least = 1): void => {
    const expected = floats(theirs);
    const scale = Math.max(least, ...expected.map(Math.abs));
    const worst = expected.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - (ours[index] ?? Number.NaN))),
      0,
    );
    if (ours.length !== expected.length || !(worst <= golden.toleranceAbsolute * scale)) {
      throw new IchorError('BUNDLE_INVALID', { path: dir, reason: `its self-test fails: ${name} differs by ${worst}` });
    }
  };
  const [count, rows, columns] = golden.cnn.hu.shape as [number, number, number];
  const cnn = await graphs.cnn(shorts(golden.cnn.hu), count, rows, columns);
  const all = (name: 'features' | 'logits') => Float32Array.from(cnn.flatMap((slice) => [...slice[name]]));
  check('features', all('features'), golden.cnn.features);
  check('logits', all('logits'), golden.cnn.logits);
  const { features, logits, sequenceLogits } = golden.sequence;
  const slices = features.shape[0]!;
  check('sequence logits', await graphs.sequence(floats(features), floats(logits), slices), sequenceLogits);
  const distance = await graphs.distance(floats(features), slices);
  if (distance !== null) {
    if (golden.domain === undefined)
      throw new IchorError('BUNDLE_INVALID', { path: dir, reason: 'it has a domain graph and no golden value for it' });
    check('domain distance', Float32Array.of(distance), golden.domain.distance);
  }
  const targets = golden.sequenceGrad.targetSlice.map((sliceIndex, index) => ({
    sliceIndex,
    classIndex: golden.sequenceGrad.targetClass[index]!,
  }));
  const { weights } = await graphs.gradient(floats(features), floats(logits), slices, targets);
  check('gradient weights', weights, golden.sequenceGrad.weights);
  if (manifest.files.explain === undefined) return;
  if (golden.explain === undefined)
    throw new IchorError('BUNDLE_INVALID', {
      path: dir,
      reason: 'it has an explaining graph and no golden value for it',
    });
  const maps = await graphs.maps(cnn[golden.explain.slice]!, floats(golden.sequenceGrad.weights), targets.length);
  check('heat maps', maps, golden.explain.maps, Number.MIN_VALUE);
}

const bytesOf = (base64: string): ArrayBuffer => new Uint8Array(Buffer.from(base64, 'base64')).buffer;
const floats = (stored: Stored): Float32Array => new Float32Array(bytesOf(stored.float32Base64!));
const shorts = (stored: Stored): Int16Array => new Int16Array(bytesOf(stored.int16Base64!));
