/** The inference process with the bundle that ships: what it refuses, how it dies, and that it computes the same again. */

import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { featureKey } from '@ichor/analysis/featureKey';
import type { InferenceConfig } from '@ichor/analysis/inference/inference';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import type { Analysis, SliceFeatures, SliceStack } from '@ichor/analysis/types';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { loadConfig } from '@ichor/settings/config';
import { localFiles } from '@ichor/store/files/folderReader';
import { createLog } from '@ichor/telemetry/log';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { changedBundle, forge, type Json, rewrite, rewriteManifest } from '../support/changedBundle.ts';
import { runIchor } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const NOTHING: ReadonlyMap<string, SliceFeatures> = new Map();
/** So low that key slices and heat maps are computed too, whatever the bundle thinks of the phantom. */
const config: InferenceConfig = loadConfig({ ICHOR_THRESHOLDS: 'any=1e-300' });

let folder: WorkFolder;
let inference: Inference;
let stack: SliceStack;
let analysis: Analysis;

beforeAll(async () => {
  folder = await openWorkFolder('inference');
  const study = join(folder.path, 'study');
  const options = ['--seed', '3', '--matrix', '128', '--slices', '22', '--bleed', 'epidural'];
  expect((await runIchor(['phantom', '--out', study, ...options])).code).toBe(0);
  inference = await startInference(config, silentLog);
  const files = (await findDicomFiles(study)).filter((file) => file.endsWith('.dcm'));
  const analysed = await analyseStudy('1.2.3', files, { inference, features: noFeatureCache, files: localFiles });
  stack = analysed.stack!;
  analysis = analysed.analysis!;
}, 300_000);
afterAll(async () => {
  await inference.close();
  await folder.remove();
});

describe('the bundle', () => {
  let copies = 0;
  const flip = (bytes: Buffer): Buffer => {
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle]! ^ 1;
    return bytes;
  };

  test.each<[string, (dir: string) => Promise<unknown>, RegExp]>([
    ['a byte of a graph is changed', (dir) => rewrite(join(dir, 'cnn.onnx'), flip), /cnn\.onnx has another SHA-256/],
    [
      'a graph is cut',
      (dir) => rewrite(join(dir, 'sequence.onnx'), (bytes) => bytes.subarray(0, 1_000)),
      /sequence\.onnx has 1000 bytes where the manifest says \d+/,
    ],
    ['a file is missing', (dir) => rm(join(dir, 'sequence_grad.onnx')), /sequence_grad\.onnx is missing/],
    ['there is no manifest', (dir) => rm(join(dir, 'manifest.json')), /there is no manifest\.json/],
    ['the manifest is no JSON', (dir) => rewrite(join(dir, 'manifest.json'), (bytes) => bytes.subarray(1)), /JSON/],
    [
      'its classes are in another order',
      (dir) => rewriteManifest(dir, (manifest) => (manifest['classes'] as string[]).reverse()),
      /manifest\.json: classes/,
    ],
    [
      'a temperature is zero',
      (dir) =>
        rewriteManifest(dir, (manifest) => {
          (manifest['calibration'] as { temperature: number[] }).temperature[2] = 0;
        }),
      /manifest\.json: calibration\.temperature/,
    ],
    [
      'a path leads out of the bundle',
      (dir) =>
        rewriteManifest(dir, (manifest) => {
          (manifest['files'] as Record<string, Json>)['cnn']!['path'] = '../cnn.onnx';
        }),
      /manifest\.json: files\.cnn\.path must be a plain file name/,
    ],
    [
      'a graph is none, though the manifest agrees',
      (dir) => forge(dir, 'cnn', 'cnn.onnx', () => Buffer.from('not ONNX')),
      /cnn\.onnx does not load/,
    ],
    [
      'a graph computes something else, though the manifest agrees',
      (dir) =>
        forge(dir, 'golden', 'golden.json', (bytes) => {
          const golden = JSON.parse(bytes.toString()) as { cnn: { hu: { int16Base64: string } } };
          const { hu } = golden.cnn;
          hu.int16Base64 = Buffer.from(hu.int16Base64, 'base64').fill(0, 0, 4_000).toString('base64');
          return Buffer.from(JSON.stringify(golden));
        }),
      /cnn\.onnx: its self-test fails: features differs by \S+ from golden\.json \(at most \S+\)/,
    ],
    [
      'its golden values are cut',
      (dir) =>
        forge(dir, 'golden', 'golden.json', (bytes) => {
          const { sequence: _, ...golden } = JSON.parse(bytes.toString()) as Json;
          return Buffer.from(JSON.stringify(golden));
        }),
      /golden\.json: sequence/,
    ],
    [
      'a window in the manifest has no mean',
      (dir) =>
        rewriteManifest(dir, (manifest) => {
          (manifest['preprocessing'] as { normalisation: { mean: number[] } }).normalisation.mean.pop();
        }),
      /normalisation needs a mean and a standard deviation for every window/,
    ],
  ])('is refused when %s', async (_name, change, reason) => {
    const modelDir = await changedBundle(join(folder.path, `bundle-${++copies}`), change);
    const refusal = startInference({ ...config, modelDir }, silentLog);
    await expect(refusal).rejects.toMatchObject({ code: 'BUNDLE_INVALID', message: expect.stringMatching(reason) });
  });

  test('unchanged, it passes its self-test and is named by the digest of its manifest', async () => {
    const manifest = await readFile(join(config.modelDir, 'manifest.json'));
    expect(inference.model.sha256).toBe(createHash('sha256').update(manifest).digest('hex'));
    expect(analysis.model).toEqual(inference.model);
  });

  test('an execution provider that is not there is told, and the processor is used', async () => {
    const events: Record<string, unknown>[] = [];
    const other = await startInference({ ...config, executionProviders: ['nosuch', 'cpu'] }, logInto(events));
    await other.close();
    const missing = events.filter(({ event }) => event === 'inference.provider-missing');
    expect(missing).toEqual([expect.objectContaining({ provider: 'nosuch', reason: expect.any(String) })]);
  });
});

/** A log whose events can be looked at. */
function logInto(events: Record<string, unknown>[]) {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      events.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  return createLog({ logLevel: 'trace' }, 'worker', stream);
}

describe('a process that fails', () => {
  test('at its deadline is killed with INFERENCE_TIMEOUT, and the next call works', async () => {
    const settings = { ...config, inferenceTimeoutMs: 1 };
    const impatient = await startInference(settings, silentLog);
    try {
      await expect(impatient.analyse(stack, { files: localFiles, cached: NOTHING })).rejects.toMatchObject({
        code: 'INFERENCE_TIMEOUT',
        retryable: true,
      });
      settings.inferenceTimeoutMs = config.inferenceTimeoutMs;
      expect(await impatient.analyse(stack, { files: localFiles, cached: NOTHING })).toEqual(analysis);
    } finally {
      await impatient.close();
    }
  });

  test('killed in mid-run gives INFERENCE_CRASHED, and the next call works', async () => {
    const events: Record<string, unknown>[] = [];
    const doomed = await startInference(config, logInto(events));
    try {
      const { pid } = events.find(({ event }) => event === 'inference.started') as { pid: number };
      let reports = 0;
      const onProgress = (): void => void (++reports === 1 && process.kill(pid, 'SIGKILL'));
      await expect(doomed.analyse(stack, { files: localFiles, cached: NOTHING, onProgress })).rejects.toMatchObject({
        code: 'INFERENCE_CRASHED',
        message: expect.stringContaining('SIGKILL'),
      });
      expect(await doomed.analyse(stack, { files: localFiles, cached: NOTHING })).toEqual(analysis);
      expect(events.filter(({ event }) => event === 'inference.started')).toHaveLength(2);
    } finally {
      await doomed.close();
    }
  });

  test('an instance that vanished fails that call alone', async () => {
    const slices = stack.slices.map((slice, index) =>
      index === 9 ? { ...slice, reference: `${slice.reference}.gone` } : slice,
    );
    await expect(inference.analyse({ ...stack, slices }, { files: localFiles, cached: NOTHING })).rejects.toMatchObject(
      {
        code: 'FILE_UNREADABLE',
      },
    );
    expect(await inference.analyse(stack, { files: localFiles, cached: NOTHING })).toEqual(analysis);
  });
});

describe('the result', () => {
  const cacheOf = (keep: (index: number) => boolean): Map<string, SliceFeatures> =>
    new Map(
      stack.slices.flatMap(({ sopInstanceUid, frameNumber }, index) =>
        keep(index) ? [[featureKey(sopInstanceUid, frameNumber), analysis.slices[index]!] as const] : [],
      ),
    );

  test('has heat maps, so that the comparisons below are about them too', () => {
    expect(analysis.keySliceImages.flatMap(({ maps }) => maps).length).toBeGreaterThan(0);
  });

  test('is identical with cached features', async () => {
    expect(await inference.analyse(stack, { files: localFiles, cached: cacheOf(() => true) })).toEqual(analysis);
  });

  test('rests on cached features where the pixels are the same, and not where they differ', async () => {
    const marked = (slice: SliceFeatures): SliceFeatures => ({
      ...slice,
      features: slice.features.map((value) => value * 1.0625),
    });
    const cached = new Map([...cacheOf(() => true)].map(([key, slice]) => [key, marked(slice)]));
    const fromCache = await inference.analyse(stack, { files: localFiles, cached });
    expect(fromCache.slices.map(({ features }) => features)).toEqual(
      [...cached.values()].map(({ features }) => features),
    );
    const stale = new Map([...cached].map(([key, slice]) => [key, { ...slice, pixelDigest: 'of other pixels' }]));
    expect(await inference.analyse(stack, { files: localFiles, cached: stale })).toEqual(analysis);
  });

  test('is the same for a slice computed alone and among four', async () => {
    for (const alone of [2, 5]) {
      const again = await inference.analyse(stack, { files: localFiles, cached: cacheOf((index) => index !== alone) });
      const [one, among] = [again.slices[alone]!, analysis.slices[alone]!];
      expect(one.pixelDigest).toBe(among.pixelDigest);
      const worst = Math.max(...one.features.map((value, index) => Math.abs(value - among.features[index]!)));
      expect(worst).toBeLessThanOrEqual(1e-5 * Math.max(1, ...among.features));
      for (const [index, { probabilities }] of again.sliceScores.entries())
        for (const [place, value] of probabilities.entries())
          expect(value).toBeCloseTo(analysis.sliceScores[index]!.probabilities[place]!, 5);
    }
  });
});
