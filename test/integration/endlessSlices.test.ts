/** A study with a slice that never comes to an end: in the worker, with another study behind it, and on the command line. */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { readMeta } from '@ichor/dicom/readPart10';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import { loadConfig } from '@ichor/settings/config';
import type { StudyView } from '@ichor/shared/study';
import type { TriageJob } from '@ichor/store/queue/jobs';
import { triageStudy } from '@ichor/worker/triageStudy';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ENDLESS_CODEC, ENDLESS_TRANSFER_SYNTAX, useEndlessCodec } from '../support/endlessCodec.ts';
import { runIchor } from '../support/ichor.ts';
import { openTriageBench, type TriageBench } from '../support/triage.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

/** Of 14, from 1. */
const ENDLESS = 7;
const settings = { ICHOR_SLICE_DECODE_TIMEOUT_MS: '100' };
let [folder, bench]: [WorkFolder, TriageBench] = [] as never;
let damaged: PhantomStudy;
let stopEndless: () => void;
beforeAll(async () => {
  folder = await openWorkFolder('endless');
  bench = await openTriageBench();
  // As the bench makes it, its slices coded otherwise.
  const like = { seed: 1, bleeds: ['subdural'] as const, slices: 14, matrix: 64 };
  damaged = await writePhantomStudy({ ...like, out: folder.path, transferSyntaxUid: ENDLESS_TRANSFER_SYNTAX });
  stopEndless = useEndlessCodec();
});
afterAll(async () => {
  stopEndless?.();
  await bench?.stop();
  await folder?.remove();
});

const uid = (): string => damaged.sopInstanceUids[ENDLESS - 1]!;
const undecodable = () => ({
  code: 'undecodable-pixel-data',
  detail: expect.stringMatching(new RegExp(`^slice \\d+ of 14, ${uid()}: .*ICHOR_SLICE_DECODE_TIMEOUT_MS`)),
});

test('the worker tells which slice it was, tries it once, and analyses the study behind it', async () => {
  const slice = await readFile(damaged.files[ENDLESS - 1]!);
  const change = (bytes: Buffer): Buffer => (readMeta(bytes, '').sopInstanceUid === uid() ? slice : bytes);
  const [first, behind] = [await bench.addStudy(1, { change }), await bench.addStudy(2)];
  const started: string[] = [];
  const log = { event: (name: string) => void (name === 'inference.started' && started.push(name)) };
  const inference: Inference = await startInference(loadConfig(settings), log);
  try {
    const context = bench.context({ inference });
    await triageStudy(context, first, true);
    expect(started).toHaveLength(1);
    await triageStudy(context, behind, true);
    expect(started).toHaveLength(2);
  } finally {
    await inference.close();
  }
  expect(await result(first)).toEqual({ state: 'not-analysed', reason: undecodable(), done: true });
  expect((await result(behind)).done).toBe(true);
  expect((await result(behind)).reason?.code ?? null).not.toBe('undecodable-pixel-data');
  expect(bench.incidents).toEqual([]);
});

const result = async ({ studyInstanceUid }: TriageJob) =>
  (
    await bench.database.pool.query(
      "SELECT state, reason - 'sentence' AS reason, analysed_request = request AS done FROM study WHERE study_instance_uid = $1",
      [studyInstanceUid],
    )
  ).rows[0];

test('`ichor triage` tells it of that study and goes on with the next', async () => {
  const out = join(folder.path, 'both');
  const good = await writePhantomStudy({ out, seed: 1, bleeds: ['subdural'], slices: 14, matrix: 64 });
  await copyFile(damaged.files[ENDLESS - 1]!, good.files[ENDLESS - 1]!);
  await writePhantomStudy({ out: join(out, 'next'), seed: 2, bleeds: [], slices: 14, matrix: 64 });
  const { stdout, code } = await runIchor(['triage', out, '--json'], { ...settings, NODE_OPTIONS: ENDLESS_CODEC });
  const views = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as StudyView);
  expect([views.length, code]).toEqual([2, 3]);
  const [first, next] = [
    views.find(({ studyInstanceUid }) => studyInstanceUid === good.studyInstanceUid),
    views.find(({ studyInstanceUid }) => studyInstanceUid !== good.studyInstanceUid),
  ];
  expect(first).toMatchObject({ state: 'not-analysed', reason: undecodable() });
  expect([next!.error, next!.series.length]).toEqual([null, 1]);
  expect(next!.reason?.code).not.toBe('undecodable-pixel-data');
});
