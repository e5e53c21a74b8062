import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { expect, test } from '@jest/globals';
import { Manifest, thresholdsOf } from './bundle.ts';

const DEFAULT_BUNDLE = join(import.meta.dirname, '../../../../models/default');

const set = (value: number) => Object.fromEntries(FINDING_CLASSES.map((name) => [name, value]));
const manifest = {
  thresholds: { default: 'balanced', sets: { balanced: set(0.5), 'high-sensitivity': set(0.3) }, source: '' },
} as unknown as Manifest;

test('thresholds are the default set, a named set, and what the site changes', () => {
  expect(thresholdsOf(manifest, [])).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  expect(thresholdsOf(manifest, ['high-sensitivity'])).toEqual([0.3, 0.3, 0.3, 0.3, 0.3, 0.3]);
  expect(thresholdsOf(manifest, ['high-sensitivity', 'any=0.2', 'epidural=0.7'])).toEqual([
    0.7, 0.3, 0.3, 0.3, 0.3, 0.2,
  ]);
});

test.each([['nosuch'], ['balanced', 'high-sensitivity'], ['any=0'], ['any=1'], ['any=x'], ['stroke=0.5'], ['any=']])(
  'thresholds %j %j are refused',
  (...settings) => {
    const given = settings.filter((setting) => typeof setting === 'string');
    expect(() => thresholdsOf(manifest, given)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  },
);

test('a manifest has an out-of-domain threshold and its graph, or neither', async () => {
  const stored = JSON.parse(await readFile(join(DEFAULT_BUNDLE, 'manifest.json'), 'utf8'));
  const { domain: _graph, ...files } = stored.files;
  const outOfDomain = { threshold: 1.5, source: 'this test' };
  const domain = { ...files.cnn, path: 'domain.onnx' };
  const accepted = (changed: object): boolean => Manifest.safeParse({ ...stored, ...changed }).success;
  expect(accepted({ files, outOfDomain: null })).toBe(true);
  expect(accepted({ files, outOfDomain: undefined })).toBe(true);
  expect(accepted({ files: { ...files, domain }, outOfDomain })).toBe(true);
  expect(accepted({ files, outOfDomain })).toBe(false);
  expect(accepted({ files: { ...files, domain }, outOfDomain: null })).toBe(false);
  expect(accepted({ files: { ...files, domain }, outOfDomain: { ...outOfDomain, threshold: 0 } })).toBe(false);
});
