/** What the shipped bundle accepts and refuses: files whose headers say head CT, whose pixels are something else. */

import { join } from 'node:path';
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import type { DatasetOf } from '@ichor/phantom/encodePart10';
import { generatePhantom } from '@ichor/phantom/generatePhantom';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { loadConfig } from '@ichor/settings/config';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { silentLog } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const PHANTOM = { seed: 4_711, matrix: 128, slices: 16, bleeds: ['subdural'] } as const;
const STORED_AIR = 24;
const { slices } = generatePhantom(PHANTOM);

let folder: WorkFolder;
let inference: Inference;
beforeAll(async () => {
  folder = await openWorkFolder('out-of-domain');
  inference = await startInference(loadConfig({}), silentLog);
}, 120_000);
afterAll(async () => {
  await inference.close();
  await folder.remove();
});

/** @param change what becomes of a stored value (Hounsfield units + 1024) */
async function resultOf(name: string, change: (stored: number, row: number, column: number, slice: number) => number) {
  const side = PHANTOM.matrix;
  const decorate = (dataset: DatasetOf, index: number): void => {
    const stored = slices[index]!.hu.map((hu, at) => change(hu + 1024, Math.floor(at / side), at % side, index));
    dataset['PixelData'] = stored.buffer;
    dataset['BitsStored'] = 16;
    dataset['HighBit'] = 15;
  };
  const study = await writePhantomStudy({ ...PHANTOM, out: join(folder.path, name), decorate });
  const { result } = await analyseStudy(study.studyInstanceUid, study.files, {
    inference,
    features: noFeatureCache,
    files: localFiles,
  });
  return result;
}

test('a head as it is, is analysed', async () => {
  expect(await resultOf('plain', (stored) => stored)).toMatchObject({ reason: null, findings: expect.anything() });
});

const disc = (row: number, column: number): boolean => Math.hypot(row - 64, column - 64) < 40;
test.each<[string, (stored: number, row: number, column: number) => number]>([
  ['a head whose intercept was forgotten', (stored) => stored + 1024],
  ['a head whose intercept was applied twice', (stored) => Math.max(0, stored - 1024)],
  ['an inverted head', (stored) => Math.max(0, 2100 - stored)],
  ['a head whose values were doubled', (stored) => stored * 2],
  ['water in a cylinder', (_stored, row, column) => (disc(row, column) ? 1024 : STORED_AIR)],
  ['air alone', () => STORED_AIR],
  ['alternating black and white', (_stored, row, column) => ((row + column) % 2 === 0 ? 0 : 3000)],
])('%s ends not analysed, with its distance', async (name, change) => {
  const result = await resultOf(name.replaceAll(' ', '-'), change);
  expect(result).toMatchObject({ state: 'not-analysed', findings: null, keySlices: [] });
  expect(result.reason).toMatchObject({
    code: 'out-of-domain',
    detail: expect.stringMatching(/^distance [\d.]+ from the studies it knows, where at most [\d.]+ is accepted$/),
  });
});

test.each([
  ['zeros', 0],
  ['one grey', 1064],
])('a head of which one slice is lost to %s ends not analysed, and the slice is named', async (name, value) => {
  const result = await resultOf(name.replaceAll(' ', '-'), (stored, _row, _column, slice) =>
    slice === 7 ? value : stored,
  );
  expect(result).toMatchObject({ state: 'not-analysed', findings: null, keySlices: [] });
  expect(result.reason).toMatchObject({
    code: 'blank-slice',
    detail: expect.stringMatching(/^slice \d+ of 16, 2\.25\./),
  });
});
