/** The golden values of a bundle, computed again: a graph that loads but computes something else is refused. */
import { type Bundle, bundleInvalid } from './bundle.ts';
import { type Golden, readGolden, type Stored } from './golden.ts';
import type { Graphs, SliceOutput } from './graphs.ts';
import { preprocess } from './preprocessing.ts';

/** Of a channel, whose values reach from about −1 to 3. */
const PREPROCESSING_TOLERANCE = 1e-3;

type Test = Pick<Bundle, 'dir' | 'manifest'> & { readonly golden: Golden; readonly graphs: Graphs };

/** @throws IchorError BUNDLE_INVALID naming the file, the output that differs, by how much, and what is accepted */
export async function selfTest(bundle: Pick<Bundle, 'dir' | 'manifest'>, graphs: Graphs): Promise<void> {
  const test: Test = { dir: bundle.dir, manifest: bundle.manifest, golden: await readGolden(bundle), graphs };
  await testPreprocessing(test);
  const slices = await testCnn(test);
  await testSequence(test);
  await testDomain(test);
  await testMaps(test, slices);
}

/** The manifest's preprocessing against the graph's, where the graph shows it. */
async function testPreprocessing({ dir, manifest, golden, graphs }: Test): Promise<void> {
  const { hu } = golden.cnn;
  const found = await graphs.channels(hu.values, ...sizesOf(hu.shape));
  if (found === null) return;
  const expected = preprocess(hu.values, hu.shape, manifest.preprocessing);
  const { windows, resize } = manifest.preprocessing;
  const place = resize.rows * resize.columns;
  const worst = windows.map((_, channel) =>
    largest(expected, (index) =>
      Math.floor(index / place) % windows.length === channel ? found.data[index]! - expected[index]! : 0,
    ),
  );
  for (const [channel, difference] of worst.entries()) {
    if (difference <= PREPROCESSING_TOLERANCE && found.data.length === expected.length) continue;
    const { name, centerHu, widthHu } = windows[channel]!;
    const told = `window "${name}" (centre ${centerHu}, width ${widthHu}), resize to ${resize.rows} × ${resize.columns} and normalisation`;
    const differs = `its channel ${channel + 1} differs by ${brief(difference)} from what the manifest's ${told} make of a slice`;
    throw bundleInvalid(dir, `${manifest.files.cnn.path}: ${differs} (at most ${PREPROCESSING_TOLERANCE})`);
  }
}

async function testCnn(test: Test): Promise<SliceOutput[]> {
  const { hu, features, logits } = test.golden.cnn;
  const slices = await test.graphs.cnn(hu.values, ...sizesOf(hu.shape));
  const all = (name: 'features' | 'logits') => Float32Array.from(slices.flatMap((slice) => [...slice[name]]));
  check(test, 'cnn', 'features', all('features'), features);
  check(test, 'cnn', 'logits', all('logits'), logits);
  return slices;
}

async function testSequence(test: Test): Promise<void> {
  const { features, logits, sequenceLogits } = test.golden.sequence;
  const { weights, influence } = test.golden.sequenceGrad;
  const scan = [features.values, logits.values, features.shape[0]!] as const;
  check(test, 'sequence', 'sequence_logits', await test.graphs.sequence(...scan), sequenceLogits);
  const found = await test.graphs.gradient(...scan, targetsOf(test.golden));
  check(test, 'sequenceGrad', 'weights', found.weights, weights);
  if (influence !== undefined) check(test, 'sequenceGrad', 'influence', found.influence, influence);
}

async function testDomain(test: Test): Promise<void> {
  const { features } = test.golden.sequence;
  const distance = await test.graphs.distance(features.values, features.shape[0]!);
  if (distance === null) return;
  if (test.golden.domain === undefined) throw noGolden(test, 'domain');
  check(test, 'domain', 'distance', Float32Array.of(distance), test.golden.domain.distance);
}

async function testMaps(test: Test, slices: readonly SliceOutput[]): Promise<void> {
  const { explain, sequenceGrad } = test.golden;
  if (test.manifest.files.explain === undefined) return;
  const slice = explain && slices[explain.slice];
  if (slice === undefined) throw noGolden(test, 'explain');
  const maps = await test.graphs.maps(slice, sequenceGrad.weights.values, targetsOf(test.golden).length);
  check(test, 'explain', 'maps', maps, explain!.maps, Number.MIN_VALUE);
}

/** Slices, rows and columns of [N, H, W], or of [N, K, H, W] with neighbours. */
const sizesOf = (shape: readonly number[]) => [shape[0]!, shape.at(-2)!, shape.at(-1)!] as const;

const targetsOf = ({ sequenceGrad: { targetSlice, targetClass } }: Golden) =>
  targetSlice.map((sliceIndex, index) => ({ sliceIndex, classIndex: targetClass[index]! }));

/** @param least what a difference is relative to, where no expected value is larger. @throws IchorError BUNDLE_INVALID */
function check(
  { dir, manifest, golden }: Test,
  graph: 'cnn' | 'sequence' | 'sequenceGrad' | 'explain' | 'domain',
  output: string,
  found: Float32Array,
  { values }: Stored,
  least = 1,
): void {
  const told = `${manifest.files[graph]!.path}: its self-test fails: ${output}`;
  const expectation = `${manifest.files.golden.path}`;
  if (found.length !== values.length)
    throw bundleInvalid(dir, `${told} has ${found.length} values, ${expectation} has ${values.length}`);
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
  const worst = largest(values, (index) => found[index]! - values[index]!);
  const accepted = golden.toleranceAbsolute * scale;
  if (!(worst <= accepted))
    throw bundleInvalid(dir, `${told} differs by ${brief(worst)} from ${expectation} (at most ${brief(accepted)})`);
}

/** NaN where any difference is. */
function largest(values: Float32Array, difference: (index: number) => number): number {
  let worst = 0;
  for (let index = 0; index < values.length; index++) worst = Math.max(worst, Math.abs(difference(index)));
  return worst;
}

const brief = (value: number): string => value.toPrecision(2);

const noGolden = ({ dir, manifest }: Test, graph: 'explain' | 'domain') =>
  bundleInvalid(dir, `${manifest.files.golden.path} has no value for ${manifest.files[graph]!.path}`);
