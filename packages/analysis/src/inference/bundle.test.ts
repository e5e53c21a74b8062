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

const one = (name: string) => ({
  name,
  meaning: name,
  short: name,
  abbreviation: 'One',
  finding: { value: '1', scheme: '99TEST', meaning: 'One' },
  site: { value: '2', scheme: '99TEST', meaning: 'Two' },
  unit: '1',
});
const two = {
  classes: ['spot', 'large'],
  target: { name: 'spots', general: 'spot', code: 'SPOT', decides: 'spot', classes: [one('spot'), one('large')] },
  calibration: { temperature: [1, 1] },
  thresholds: { default: 'one', sets: { one: { spot: 0.5, large: 0.4 } }, source: '' },
};
const problemsWith = async (changes: object): Promise<string[]> => {
  const stored = JSON.parse(await readFile(join(DEFAULT_BUNDLE, 'manifest.json'), 'utf8'));
  const parsed = Manifest.safeParse({ ...stored, ...changes });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
};

test('a manifest names other classes where it says what they are, and thresholds are taken in their order', async () => {
  expect(await problemsWith({})).toEqual([]);
  expect(await problemsWith(two)).toEqual([]);
  const manifest = two as unknown as Manifest;
  expect(thresholdsOf(manifest, [])).toEqual([0.5, 0.4]);
  expect(thresholdsOf(manifest, ['large=0.3'])).toEqual([0.5, 0.3]);
  expect(() => thresholdsOf(manifest, ['subdural=0.3'])).toThrow('must be one of spot, large');
});

test.each<[why: string, changes: object, said: string]>([
  ['without a word on them', { ...two, target: undefined }, 'must say in "target" what its classes are'],
  ['in another order than the target', { ...two, classes: ['large', 'spot'] }, 'in the same order: spot, large'],
  ['of which none decides', { ...two, target: { ...two.target, decides: 'any' } }, 'has no class "any"'],
  ['without a temperature for each', { ...two, calibration: { temperature: [1] } }, 'has 1 temperatures for 2 classes'],
  [
    'without a threshold for each',
    { ...two, thresholds: { ...two.thresholds, sets: { one: { spot: 0.5 } } } },
    'set "one" must name spot, large',
  ],
  [
    'in another unit than a probability',
    { ...two, target: { ...two.target, classes: [{ ...one('spot'), unit: 'mL' }, one('large')] } },
    'must be 1: a score is a probability',
  ],
  [
    'twice',
    { ...two, classes: ['spot', 'spot'], target: { ...two.target, classes: [one('spot'), one('spot')] } },
    'names a class twice',
  ],
])('a manifest that names its classes %s is refused', async (_why, changes, said) => {
  expect((await problemsWith(changes)).join('\n')).toContain(said);
});
