/** `ichor bundle verify` and `doctor`: broken bundles, each refused with the true reason. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { changedBundle, forge, type Json, rewriteManifest } from '../support/changedBundle.ts';
import { ROOT, runIchor } from '../support/ichor.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
beforeAll(async () => {
  folder = await openWorkFolder('bundle-verify');
});
afterAll(() => folder.remove());

type Files = Record<string, Json & { inputs: Json[]; outputs: Json[] }>;
type Preprocessing = { windows: { centerHu: number; widthHu: number }[]; normalisation: { mean: number[] } };
const preprocessing = (change: (stored: Preprocessing) => void) => (dir: string) =>
  rewriteManifest(dir, (manifest) => change(manifest['preprocessing'] as Preprocessing));
const files = (change: (stored: Files) => void) => (dir: string) =>
  rewriteManifest(dir, (manifest) => change(manifest['files'] as Files));
/** Base64 of float32, little endian: the first value becomes another. */
const otherFirst = (stored: Json): void => {
  const bytes = Buffer.from(String(stored['float32Base64']), 'base64');
  bytes.writeFloatLE(bytes.readFloatLE(0) + 5, 0);
  stored['float32Base64'] = bytes.toString('base64');
};
const golden = (change: (stored: Record<string, Record<string, Json>>) => void) => (dir: string) =>
  forge(dir, 'golden', 'golden.json', (bytes) => {
    const stored = JSON.parse(bytes.toString()) as Record<string, Record<string, Json>>;
    change(stored);
    return Buffer.from(JSON.stringify(stored));
  });

const BROKEN: readonly [string, (dir: string) => Promise<unknown>, RegExp][] = [
  [
    'a window that is not the graph’s',
    preprocessing(({ windows }) => {
      windows[1]!.centerHu = 75;
    }),
    /^fail {2}cnn\.onnx: its channel 2 differs by \S+ from what the manifest's window "subdural" \(centre 75, width 200\)/m,
  ],
  [
    'a normalisation that is not the graph’s',
    preprocessing(({ normalisation }) => normalisation.mean.reverse()),
    /^fail {2}cnn\.onnx: its channel 1 differs by .*normalisation/m,
  ],
  [
    'a port in the manifest that the graph does not have so',
    files(({ sequence }) => {
      sequence!.outputs[0]!['shape'] = ['S', 5];
    }),
    /^fail {2}sequence\.onnx: output "sequence_logits" is float32 \[S, 6\], the manifest says float32 \[S, 5\]$/m,
  ],
  [
    'graphs that do not fit one another',
    files((stored) => {
      stored['sequence'] = stored['domain']!;
    }),
    /^fail {2}domain\.onnx: output "sequence_logits" is missing: float32 \[S, 6\] is expected$/m,
  ],
  [
    'a sequence model that computes something else',
    golden(({ sequence }) => otherFirst(sequence!['sequenceLogits']!)),
    /^fail {2}sequence\.onnx: its self-test fails: sequence_logits differs by 5\.0 from golden\.json \(at most /m,
  ],
  [
    'a gradient that computes something else',
    golden(({ sequenceGrad }) => otherFirst(sequenceGrad!['weights']!)),
    /^fail {2}sequence_grad\.onnx: its self-test fails: weights differs by /m,
  ],
];

test.each(BROKEN)('refuses %s', async (name, change, reason) => {
  const dir = await changedBundle(join(folder.path, name), change);
  const { code, stdout } = await runIchor(['bundle', 'verify', dir]);
  expect([code, stdout]).toEqual([1, expect.stringMatching(reason)]);
});

test('doctor runs the self-test too', async () => {
  const [name, change] = BROKEN[0]!;
  const dir = await changedBundle(join(folder.path, `${name} (doctor)`), change);
  const { stdout } = await runIchor(['doctor'], { ICHOR_MODEL: dir, ICHOR_DATA_DIR: join(folder.path, 'data') });
  expect(stdout).toMatch(/^ {2}fail {2}model .*its channel 2 differs by/m);
  const whole = await runIchor(['doctor'], { ICHOR_DATA_DIR: join(folder.path, 'data') });
  expect(whole.stdout).toMatch(/^ {2}ok {4}model .*passes its self-test/m);
});

test('the shipped bundle shows what its preprocessing makes of a slice', async () => {
  const manifest = JSON.parse(await readFile(join(ROOT, 'models/default/manifest.json'), 'utf8')) as { files: Files };
  expect(manifest.files['cnn']!.outputs.map(({ name }) => name)).toContain('channels');
});
