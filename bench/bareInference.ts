/** The floor: the same graphs in a process of their own with random slices, nothing but onnxruntime. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Wall time of one pass over `slices` slices of 512 × 512 in batches of 4, one sequence run, its gradient and its heat maps, ms, after a warm-up. */
export async function bareInferenceMs(bundleDir: string, threads: number, slices: number): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    import.meta.filename,
    bundleDir,
    String(threads),
    String(slices),
  ]);
  return Number(stdout);
}

/** Key slices of a flagged study. */
const TARGETS = 8;

async function main(bundleDir: string, threads: number, slices: number): Promise<void> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const open = (name: string) =>
    InferenceSession.create(join(bundleDir, name), {
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
  const [cnn, sequence, gradient] = await Promise.all(['cnn.onnx', 'sequence.onnx', 'sequence_grad.onnx'].map(open));
  const explain = existsSync(join(bundleDir, 'explain.onnx')) ? await open('explain.onnx') : null;
  const hu = Int16Array.from({ length: 4 * 512 * 512 }, () => Math.random() * 300 - 100);
  const pass = async (): Promise<void> => {
    let features = 0;
    let shape: readonly number[] = [];
    for (let at = 0; at < slices; at += 4) {
      const count = Math.min(4, slices - at);
      const out = await cnn!.run({ hu: new Tensor('int16', hu.subarray(0, count * 512 * 512), [count, 512, 512]) }, [
        'features',
        'logits',
        ...(explain === null ? [] : ['inner']),
      ]);
      features = out['features']!.dims[1]!;
      shape = out['inner']?.dims.slice(1) ?? [];
    }
    const feeds = {
      features: new Tensor('float32', new Float32Array(slices * features), [slices, features]),
      logits: new Tensor('float32', new Float32Array(slices * 6), [slices, 6]),
    };
    await sequence!.run(feeds);
    const targets = (value: (index: bigint) => bigint) =>
      new Tensor(
        'int64',
        BigInt64Array.from({ length: TARGETS }, (_, index) => value(BigInt(index))),
        [TARGETS],
      );
    await gradient!.run({ ...feeds, target_slice: targets((index) => index), target_class: targets(() => 5n) });
    const inner = new Float32Array(shape.reduce((size, length) => size * length, 1));
    for (let slice = 0; explain !== null && slice < TARGETS; slice++)
      await explain.run({
        inner: new Tensor('float32', inner, [1, ...shape]),
        weights: new Tensor('float32', new Float32Array(features), [1, features]),
      });
  };
  await pass();
  const started = performance.now();
  await pass();
  console.log(performance.now() - started);
}

if (process.argv[1] === import.meta.filename)
  await main(process.argv[2]!, Number(process.argv[3]), Number(process.argv[4]));
