/** From a job to its result, whatever breaks: attempts that are counted and bounded, and reports that no flag waits for. */

import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSlice } from '@ichor/analysis/volume/loadSlice';
import { IchorError } from '@ichor/shared/errors';
import { localFiles } from '@ichor/store/files/folderReader';
import type { TriageJob } from '@ichor/store/queue/jobs';
import { studyInput } from '@ichor/store/rows/instance';
import { claimStudy } from '@ichor/store/rows/shownResult';
import { writeDueObjects } from '@ichor/worker/objects/writeDueObjects';
import { triageStudy } from '@ichor/worker/triageStudy';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { refusing } from '../support/refusing.ts';
import { crashing, openTriageBench, type TriageBench } from '../support/triage.ts';

let bench: TriageBench;
beforeAll(async () => {
  bench = await openTriageBench();
});
afterAll(() => bench?.stop());

const open = () => false;
/** Faults that root meets too; something else lies where the file was. */
const FAULTS: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ['ENOENT', async () => {}],
  ['EACCES', (path) => symlink('/proc/sys/net/ipv4/route/flush', path)],
  ['EISDIR', (path) => mkdir(path)],
  ['ELOOP', (path) => symlink(path, path)],
];
let faultySeed = 30;
async function someFile({ studyInstanceUid }: TriageJob): Promise<string> {
  const { paths } = await studyInput(bench.database, studyInstanceUid);
  return join(bench.dataDir, 'spool', paths[5]!);
}
const studyRow = async (job: TriageJob) => {
  const { rows } = await bench.database.pool.query(
    `SELECT s.state, s.error_code AS error, s.analysed_request = s.request AS done, r.objects, r.objects_attempts AS attempts,
            (SELECT count(*)::int FROM delivery d WHERE d.result_id = s.result_id) AS deliveries
       FROM study s LEFT JOIN result r USING (result_id) WHERE s.study_instance_uid = $1`,
    [job.studyInstanceUid],
  );
  return rows[0];
};
const codes = ({ studyInstanceUid }: TriageJob): string[] =>
  bench.incidents.filter((one) => one.studyInstanceUid === studyInstanceUid).map(({ code }) => code);
const objectsOf = (job: TriageJob): string => join(bench.dataDir, 'objects', job.studyInstanceUid);
/** As when the pause is over. */
const objectsAreDue = (job: TriageJob): Promise<unknown> =>
  bench.database.pool.query('UPDATE result SET objects_due_at = now() WHERE study_instance_uid = $1', [
    job.studyInstanceUid,
  ]);

describe('report and heat maps', () => {
  test('that the disk does not take delay no flag, neither of their study nor of the next, and follow when it does', async () => {
    const [job, next] = [await bench.addStudy(1), await bench.addStudy(2)];
    await rm(join(bench.dataDir, 'objects'), { recursive: true, force: true });
    await writeFile(join(bench.dataDir, 'objects'), 'not a folder');
    await triageStudy(bench.context(), job, true);
    await triageStudy(bench.context(), next, true);
    for (const one of [job, next]) {
      expect(await studyRow(one)).toMatchObject({ state: 'flagged', done: true, objects: 'due', deliveries: 0 });
      expect(codes(one)).toEqual(['OBJECTS_UNWRITABLE']);
    }
    for (let again = 0; again < 8; again++) {
      await objectsAreDue(job);
      await writeDueObjects(bench.context({ inference: crashing }), open);
    }
    expect(await studyRow(job)).toMatchObject({ objects: 'due' });
    expect(codes(job)).toEqual(['OBJECTS_UNWRITABLE']);

    await rm(join(bench.dataDir, 'objects'));
    for (const one of [job, next]) await objectsAreDue(one);
    await writeDueObjects(bench.context(), open);
    for (const one of [job, next]) {
      const row = await studyRow(one);
      expect(row).toMatchObject({ state: 'flagged', objects: 'written' });
      expect(row.deliveries).toBe((await readdir(objectsOf(one))).length);
      expect(row.deliveries).toBeGreaterThan(1);
    }
  });

  test('are for this user alone, in a folder from before too', async () => {
    await mkdir(join(bench.dataDir, 'objects'), { recursive: true });
    await chmod(join(bench.dataDir, 'objects'), 0o755);
    const former = process.umask(0);
    const job = await bench.addStudy(6);
    await triageStudy(bench.context(), job, true).finally(() => process.umask(former));
    const files = (await readdir(objectsOf(job))).map((name) => join(objectsOf(job), name));
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
    expect(await Promise.all([join(bench.dataDir, 'objects'), objectsOf(job)].map(modeOf))).toEqual([0o700, 0o700]);
    expect(new Set(await Promise.all(files.map(modeOf)))).toEqual(new Set([0o600]));
  });

  test('of a worker that died are the same when another makes them from the spool, in one copy, though a slice came since', async () => {
    const job = await bench.addStudy(3);
    await triageStudy(bench.context(), job, true);
    const made = await contents(objectsOf(job));
    await bench.database.pool.query(
      `WITH gone AS (DELETE FROM delivery WHERE result_id = (SELECT result_id FROM study WHERE study_instance_uid = $1)),
            due AS (UPDATE result SET objects = 'due', objects_due_at = now() WHERE study_instance_uid = $1)
       DELETE FROM derived_object WHERE result_id = (SELECT result_id FROM study WHERE study_instance_uid = $1)`,
      [job.studyInstanceUid],
    );
    await rm(objectsOf(job), { recursive: true });
    await bench.database.pool.query(
      `INSERT INTO instance (spool_path, sop_instance_uid, series_instance_uid, study_instance_uid, sop_class_uid, transfer_syntax_uid, size_bytes)
       SELECT 'late', '1.2.3', series_instance_uid, study_instance_uid, sop_class_uid, transfer_syntax_uid, 1 FROM instance
        WHERE study_instance_uid = $1 LIMIT 1`,
      [job.studyInstanceUid],
    );
    await Promise.all([writeDueObjects(bench.context(), open), writeDueObjects(bench.context(), open)]);
    expect(await contents(objectsOf(job))).toEqual(made);
    expect(await studyRow(job)).toMatchObject({ objects: 'written', deliveries: made.size });
  });

  test('of a row that is no result are not made up: it ends as failed with an incident, and the next one is written', async () => {
    const [job, next] = [await bench.addStudy(60), await bench.addStudy(61)];
    const away = bench.context({ database: refusing(bench.database, /INSERT INTO derived_object/) });
    for (const one of [job, next]) await triageStudy(away, one, true);
    await bench.database.pool.query(
      "UPDATE result SET state = 'clear', findings = NULL WHERE study_instance_uid = $1",
      [job.studyInstanceUid],
    );
    for (const one of [job, next]) await objectsAreDue(one);
    await writeDueObjects(bench.context(), open);
    expect(await studyRow(job)).toMatchObject({ objects: 'failed', deliveries: 0 });
    expect(codes(job)).toEqual(['REPORT_UNWRITABLE']);
    expect(await studyRow(next)).toMatchObject({ objects: 'written', deliveries: 2 });
  });

  test('that cannot be made end as failed with an incident after a few tries, and are due again when the study is asked for', async () => {
    const job = await bench.addStudy(4);
    const hindered = bench.context({ database: refusing(bench.database, /INSERT INTO derived_object/) });
    await triageStudy(hindered, job, true);
    for (let again = 0; again < 8; again++) {
      await objectsAreDue(job);
      await writeDueObjects(hindered, open);
    }
    expect(await studyRow(job)).toMatchObject({ state: 'flagged', objects: 'failed', attempts: 5 });
    expect(codes(job)).toEqual(['REPORT_UNWRITABLE']);
    await triageStudy(bench.context(), await bench.again(job.studyInstanceUid), true);
    await writeDueObjects(bench.context(), open);
    expect(await studyRow(job)).toMatchObject({ state: 'flagged', objects: 'written' });
  });

  test('whose making kills the worker each time are given up', async () => {
    const job = await bench.addStudy(5);
    await triageStudy(bench.context({ database: refusing(bench.database, /objects_attempts \+ 1/) }), job, true);
    expect(await studyRow(job)).toMatchObject({ state: 'flagged', objects: 'due' });
    await bench.database.pool.query('UPDATE result SET objects_attempts = 5 WHERE study_instance_uid = $1', [
      job.studyInstanceUid,
    ]);
    await objectsAreDue(job);
    await writeDueObjects(bench.context(), open);
    expect(await studyRow(job)).toMatchObject({ state: 'flagged', objects: 'failed' });
  });
});

describe('an analysis', () => {
  test('that crashes twice ends as failed, whichever worker takes it, and a new request begins anew', async () => {
    const job = await bench.addStudy(11);
    const context = () => bench.context({ inference: crashing });
    await expect(triageStudy(context(), job, true)).rejects.toMatchObject({ code: 'INFERENCE_CRASHED' });
    await triageStudy(context(), job, true);
    expect(await studyRow(job)).toMatchObject({ state: 'failed', error: 'INFERENCE_CRASHED', done: true });
    expect(codes(job)).toEqual(['INFERENCE_CRASHED']);
    const again = await bench.again(job.studyInstanceUid);
    await expect(triageStudy(context(), again, true)).rejects.toMatchObject({ code: 'INFERENCE_CRASHED' });
    await triageStudy(bench.context(), again, true);
    expect(await studyRow(job)).toMatchObject({ state: 'flagged', objects: 'written' });
  });

  test('that kills its worker each time ends as failed with an incident, without a look at the files', async () => {
    const job = await bench.addStudy(12);
    for (let kill = 0; kill < 6; kill++) expect(await claimStudy(bench.database, job, true)).not.toBeNull();
    await triageStudy(bench.context({ spool: unreachable }), job, true);
    expect(await studyRow(job)).toMatchObject({ state: 'failed', error: 'ANALYSIS_ABANDONED', done: true });
    expect(codes(job)).toEqual(['ANALYSIS_ABANDONED']);
  });

  test('for which the database goes away is tried without an end, and does not count', async () => {
    const job = await bench.addStudy(13);
    const away = bench.context({ database: refusing(bench.database, /INSERT INTO result/, databaseAway) });
    for (let time = 0; time < 10; time++)
      await expect(triageStudy(away, job, time === 0)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await triageStudy(bench.context(), job, false);
    expect(await studyRow(job)).toMatchObject({ state: 'flagged' });
    expect(codes(job)).toEqual([]);
  });

  test('ends, and says so, whatever the database refuses for good', async () => {
    let seed = 100;
    const statement = fc.constantFrom(...STEPS);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(statement, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (refused, crash) => {
          const job = await bench.addStudy(seed++);
          const database = refusing(bench.database, new RegExp(refused.join('|')));
          const context = bench.context({ database, ...(crash && { inference: crashing }) });
          for (let time = 0; time < 3; time++) await triageStudy(context, job, true).catch(() => {});
          const row = await studyRow(job);
          expect(row.done).toBe(true);
          expect(['flagged', 'failed']).toContain(row.state);
          if (row.state === 'failed') expect(codes(job).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe('a file of the spool that cannot be read', () => {
  test.each(FAULTS)('because of %s makes the job wait, with an incident, until it can be read', async (code, spoil) => {
    const job = await bench.addStudy(++faultySeed);
    const path = await someFile(job);
    const bytes = await readFile(path);
    await rm(path);
    await spoil(path);
    for (let time = 0; time < 3; time++)
      await expect(triageStudy(bench.context(), job, true)).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
        facts: { reason: expect.stringContaining(code) },
      });
    expect(await studyRow(job)).toMatchObject({ state: 'analysing', done: false });
    expect(new Set(codes(job))).toEqual(new Set(['FILE_UNREADABLE']));
    await rm(path, { recursive: true, force: true });
    await writeFile(path, bytes);
    await triageStudy(bench.context(), job, true);
    expect(await studyRow(job)).toMatchObject({ state: 'flagged', objects: 'written' });
  });

  test('for longer than the maximum age ends the study as failed, never as not analysed, and its report says so', async () => {
    const job = await bench.addStudy(++faultySeed);
    await rm(await someFile(job));
    await expect(triageStudy(bench.context(), job, true)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await bench.database.pool.query("UPDATE study SET unreadable_since = now() - interval '31 minutes'");
    await triageStudy(bench.context(), job, true);
    expect(await studyRow(job)).toMatchObject({ state: 'failed', error: 'FILE_UNREADABLE', objects: 'written' });
    const again = await bench.again(job.studyInstanceUid);
    await expect(triageStudy(bench.context(), again, true)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  test('when its slice is decoded is told as such, and bad content as bad content', async () => {
    const job = await bench.addStudy(++faultySeed);
    const slice = { reference: await someFile(job), rows: 64, columns: 64, frameNumber: 1 };
    await writeFile(slice.reference, 'no DICOM');
    for (const frames of [1, 2])
      await expect(loadSlice({ ...slice, frames }, localFiles)).rejects.toMatchObject({
        reason: { code: 'unreadable-instance' },
      });
    await rm(slice.reference);
    for (const frames of [1, 2])
      await expect(loadSlice({ ...slice, frames }, localFiles)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

/** What the statements of a triage job have in them, each; the claim and the last resort aside. */
const STEPS = [
  'AS until, coalesce',
  'slice_feature',
  'SELECT result_id FROM result',
  'INSERT INTO result',
  'SET state = r\\.state',
  'FOR UPDATE',
  'faults = faults \\+ 1',
  'objects_attempts \\+ 1',
  'INSERT INTO derived_object',
  'INSERT INTO delivery',
  "SET objects = 'written'",
  'FROM derived_object',
  'objects_error = \\$2',
];

const databaseAway = (): Error => new IchorError('DATABASE_UNAVAILABLE', { reason: 'test' });

const unreachable = new Proxy({} as TriageBench['spool'], {
  get: () => {
    throw new Error('the spool was asked');
  },
});

async function contents(folder: string): Promise<Map<string, string>> {
  await mkdir(folder, { recursive: true });
  const names = await readdir(folder);
  const read = await Promise.all(names.map(async (name) => (await readFile(join(folder, name))).toString('base64')));
  return new Map(names.sort().map((name, index) => [name, read[index]!]));
}
