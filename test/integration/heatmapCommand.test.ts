/** `ichor heatmap`: one slice with its heat map as a picture, for a paper or a lecture. */
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runIchor } from '../support/ichor.ts';
import { runPython } from '../support/python.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

/** Kinds are named, whatever the bundle thinks of a phantom's. */
const THRESHOLDS = { ICHOR_THRESHOLDS: 'subdural=0.001' };
let folder: WorkFolder;
let study: StudyView;
const at = (...parts: string[]): string => join(folder.path, ...parts);
const phantom = (name: string, ...options: string[]) =>
  runIchor(['phantom', '--out', at(name), '--matrix', '512', '--slices', '14', ...options]);

beforeAll(async () => {
  folder = await openWorkFolder('heatmap-command');
  await phantom('bleed', '--seed', '17', '--bleed', 'subdural');
  const triaged = await runIchor(['triage', at('bleed'), '--json', '--out', at('objects')], THRESHOLDS);
  study = JSON.parse(triaged.stdout) as StudyView;
});
afterAll(() => folder?.remove());

test('without options it shows the slice that decided, and tells its place and score', async () => {
  const { code, stdout } = await runIchor(['heatmap', at('bleed'), '--png', at('decided.png')]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^flagged {2}study [\d.]+\n {2}slice +\d+ of 14, [\d.]+\n {2}class +any\n/);
  expect(stdout).toContain(`score      ${study.findings!.any!.score.toFixed(3)}, the highest of all slices`);
  expect(stdout).toMatch(/driven by {2}this slice [\d.]+ %, its neighbours [\d.]+ %/);
  expect(stdout).toContain('Not for diagnostic use');
  expect(await pixelsOf(at('decided.png'))).toMatchObject({ rows: 512, columns: 512 });
});

test('its map of a key slice is the one of the secondary capture in the PACS', async () => {
  const { sopInstanceUid } = study.keySlices.find(({ finding }) => finding === 'subdural')!;
  const asked = ['--slice', sopInstanceUid, '--class', 'subdural', '--png', at('subdural.png')];
  expect((await runIchor(['heatmap', at('bleed'), ...asked])).code).toBe(0);
  const out = at('objects', study.studyInstanceUid);
  const captures = (await readdir(out)).filter((name) => name.startsWith('SC-')).map((name) => join(out, name));
  const compared = JSON.parse(await runPython(COMPARE, [at('subdural.png'), sopInstanceUid, ...captures]));
  expect(compared).toEqual({ captures: 1, greatestDifference: 0, tinted: true });
});

test('any slice of a clear study has a picture as well', async () => {
  await phantom('clear', '--seed', '2');
  const { code, stdout } = await runIchor(['heatmap', at('clear'), '--slice', '1', '--png', at('clear.png')]);
  expect([code, stdout.split(' ')[0]]).toEqual([0, 'clear']);
  expect(stdout).toContain('slice      1 of 14');
  expect(existsSync(at('clear.png'))).toBe(true);
});

test('of a study that is not analysed there is no picture, and the reason is told', async () => {
  await runIchor(['phantom', '--out', at('few'), '--slices', '3', '--matrix', '256']);
  const { code, stderr } = await runIchor(['heatmap', at('few'), '--png', at('few.png')]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/not analysed, so there is no picture: .*slices/);
  expect(existsSync(at('few.png'))).toBe(false);
});

test.each([
  [
    'a number beyond the stack',
    ['--slice', '15'],
    '--slice 15 cannot be used: the stack has the slices 1 (skull base) to 14',
  ],
  ['an instance of another series', ['--slice', '1.2.3'], '--slice 1.2.3 cannot be used: it is no slice of the series'],
  [
    'a class that no model has',
    ['--class', 'tumour'],
    '--class tumour cannot be used: ichor-slim-resnext looks for epidural',
  ],
  ['a study that is not there', ['--study', '1.2.3'], 'name one with --study UID'],
])('%s is refused with the remedy', async (_name, options, said) => {
  const { code, stderr } = await runIchor(['heatmap', at('bleed'), '--png', at('none.png'), ...options]);
  expect(code).toBe(2);
  expect(stderr).toContain(said);
  expect(existsSync(at('none.png'))).toBe(false);
});

test('of several studies in a folder one has to be named', async () => {
  await mkdir(at('both'));
  for (const seed of ['2', '3']) await phantom(`both/${seed}`, '--seed', seed);
  const { code, stderr } = await runIchor(['heatmap', at('both'), '--png', at('one.png')]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/it holds 2 studies, [\d.]+, [\d.]+; name one with --study UID/),
  ]);
  const uid = /2 studies, ([\d.]+),/.exec(stderr)![1]!;
  const { stdout } = await runIchor(['heatmap', at('both'), '--study', uid, '--png', at('one.png')]);
  expect(stdout).toContain(`study ${uid}`);
});

const pixelsOf = async (path: string): Promise<{ rows: number; columns: number }> =>
  JSON.parse(await runPython(SHAPE, [path]));

const SHAPE = `
import json, sys
import numpy as np
from PIL import Image
rows, columns, _ = np.asarray(Image.open(sys.argv[1])).shape
print(json.dumps({"rows": rows, "columns": columns}))
`;

/** Outside of the texts, which name one class here and all of them there. */
const COMPARE = `
import json, sys
import numpy as np, pydicom
from PIL import Image
png, uid, *paths = sys.argv[1:]
picture = np.asarray(Image.open(png)).astype(int)
captures = [pydicom.dcmread(path) for path in paths]
own = [one for one in captures if one.SourceImageSequence[0].ReferencedSOPInstanceUID == uid]
inside = (slice(120, 440), slice(60, 440))
there = own[0].pixel_array.astype(int)
print(json.dumps({
    "captures": len(own),
    "greatestDifference": int(np.abs(picture - there)[inside].max()),
    "tinted": bool((np.ptp(picture[inside], axis=2) > 20).any()),
}))
`;
