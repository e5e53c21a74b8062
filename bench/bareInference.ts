/** The floor: the same graphs in a process of their own with random slices, nothing but onnxruntime. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type Pass = {
  readonly threads: number;
  /** Of 512 × 512. */
  readonly slices: number;
  /** For each key slice how many classes have a heat map there. */
  readonly mapsPerKeySlice: readonly number[];
};

/** Wall time of one pass after a warm-up, ms: the CNN in batches of 4, the detector, the sequence model, its gradient, and the heat maps. */
export async function bareInferenceMs(bundleDir: string, pass: Pass): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    import.meta.filename,
    bundleDir,
    JSON.stringify(pass),
  ]);
  return Number(stdout);
}

async function main(bundleDir: string, { threads, slices, mapsPerKeySlice }: Pass): Promise<void> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const open = (name: string) =>
    InferenceSession.create(join(bundleDir, name), {
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
  const [cnn, sequence, gradient] = await Promise.all(['cnn.onnx', 'sequence.onnx', 'sequence_grad.onnx'].map(open));
  const [explain, domain] = await Promise.all(
    ['explain.onnx', 'domain.onnx'].map((name) => (existsSync(join(bundleDir, name)) ? open(name) : null)),
  );
  const targetCount = mapsPerKeySlice.reduce((sum, maps) => sum + maps, 0);
  const hu = Int16Array.from({ length: 4 * 512 * 512 }, () => Math.random() * 300 - 100);
  const pass = async (): Promise<void> => {
    let features = 0;
    let shape: readonly number[] = [];
    for (let at = 0; at < slices; at += 4) {
      const count = Math.min(4, slices - at);
      const out = await cnn!.run({ hu: new Tensor('int16', hu.subarray(0, count * 512 * 512), [count, 512, 512]) }, [
        'features',
        'logits',
        explain ? 'inner' : 'activations',
      ]);
      features = out['features']!.dims[1]!;
      shape = out[explain ? 'inner' : 'activations']!.dims.slice(1);
    }
    const feeds = {
      features: new Tensor('float32', new Float32Array(slices * features), [slices, features]),
      logits: new Tensor('float32', new Float32Array(slices * 6), [slices, 6]),
    };
    await domain?.run({ features: feeds.features });
    await sequence!.run(feeds);
    const targets = (value: (index: number) => number) =>
      new Tensor(
        'int64',
        BigInt64Array.from({ length: targetCount }, (_, index) => BigInt(value(index))),
        [targetCount],
      );
    await gradient!.run({ ...feeds, target_slice: targets((index) => index % slices), target_class: targets(() => 5) });
    const inner = new Float32Array(shape.reduce((size, length) => size * length, 1));
    for (const maps of mapsPerKeySlice)
      await explain?.run({
        inner: new Tensor('float32', inner, [1, ...shape]),
        weights: new Tensor('float32', new Float32Array(maps * features), [maps, features]),
      });
  };
  await pass();
  const started = performance.now();
  await pass();
  console.log(performance.now() - started);
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]!, JSON.parse(process.argv[3]!));
