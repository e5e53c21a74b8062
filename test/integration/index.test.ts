/** Stored instances → index → completion → jobs, on a real PostgreSQL and a real spool; then the same after losses. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type StudyIndex, startStudyIndex } from '@ichor/receiver/completion/studyIndex';
import { IchorError } from '@ichor/shared/errors';
import { openSpool, type Spool } from '@ichor/store/files/spool';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { PRIORITY, TRIAGE_QUEUE } from '@ichor/store/queue/jobs';
import { openQueues, type Queues } from '@ichor/store/queue/queues';
import { type Incidents, openIncidents } from '@ichor/store/rows/incident';
import type { StoredInstance } from '@ichor/store/rows/instance';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/ichor.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { storeTestInstance, type TestInstance } from '../support/studies.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const QUIET_MS = 700;
let postgres: TestPostgres;
let redis: RedisServer;
let folder: WorkFolder;
let database: Database;
let spool: Spool;
let incidents: Incidents;
let queues: Queues;
let indexes: StudyIndex[] = [];
let jobs: { studyInstanceUid: string; request: number }[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  redis = await startRedis();
});
afterAll(async () => {
  await redis?.stop();
  await postgres?.stop();
});
beforeEach(async () => {
  folder = await openWorkFolder('index');
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: folder.path }, silentLog);
  await database.pool.query('TRUNCATE study, series, instance, incident, result CASCADE');
  spool = await openSpool({ dataDir: folder.path });
  incidents = openIncidents(database, silentLog);
  await redis.flush();
  queues = await openQueues({ queueUrl: redis.url }, database, silentLog);
  jobs = [];
});
afterEach(async () => {
  for (const index of indexes) await index.close();
  indexes = [];
  await incidents.close();
  await queues.close();
  await database.close();
  await folder.remove();
});

function startIndex(settings: Partial<{ maxAgeMs: number; quietPeriodMs: number; priorityCallers: string[] }> = {}) {
  const config = { quietPeriodMs: QUIET_MS, maxAgeMs: 60_000, priorityCallers: [], ...settings };
  const index = startStudyIndex({ config, log: silentLog, database, queues, spool, incidents });
  indexes.push(index);
  return index;
}

/** Takes jobs as a worker does; `analyse` gives every study a result. */
function startWorker({ analyse = true } = {}) {
  return queues.consume(TRIAGE_QUEUE, async (payload) => {
    const job = payload as { studyInstanceUid: string; request: number };
    jobs.push(job);
    if (analyse) await finish(job.studyInstanceUid, job.request);
    return null;
  });
}

async function finish(study: string, request: number): Promise<void> {
  const { rows } = await database.pool.query(
    `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state)
     VALUES ($1, $2, $3, 'm', '1', 'x', 'clear') RETURNING result_id`,
    [study, request, `digest ${request}`],
  );
  await database.pool.query(
    "UPDATE study SET analysed_request = $2, result_id = $3, state = 'clear', revision = $2 WHERE study_instance_uid = $1",
    [study, request, rows[0].result_id],
  );
}

/** A whole association: opened, instances stored and noted, closed. */
async function send(index: StudyIndex, instances: readonly TestInstance[], id = Math.random()): Promise<void> {
  index.associationOpened(id);
  for (const instance of instances) index.record(await storeTestInstance(spool, instance), id);
  index.associationClosed(id);
}
const slices = (study: string, count: number, more: Partial<TestInstance> = {}): TestInstance[] =>
  Array.from({ length: count }, (_, i) => ({ study, sop: `${study}.1.${i + 1}`, ...more }));

async function studyRow(study: string) {
  const { rows } = await database.pool.query('SELECT * FROM study WHERE study_instance_uid = $1', [study]);
  return rows[0] ?? null;
}
const untilState = (study: string, state: string) =>
  eventually(`${study} ${state}`, async () => (await studyRow(study))?.state === state, 30_000);
const instancesIn = async (study: string): Promise<number> =>
  (await database.pool.query('SELECT count(*)::int AS n FROM instance WHERE study_instance_uid = $1', [study])).rows[0]
    .n;
const afterQuiet = (periods = 3): Promise<void> => new Promise((resolve) => setTimeout(resolve, periods * QUIET_MS));

describe('completion', () => {
  test('a study of several series is receiving, then queued once, with what its header says', async () => {
    const index = startIndex();
    await send(index, [
      ...slices('1.2.10', 30),
      ...slices('1.2.10', 5, { series: '1.2.10.2' }).map((one) => ({ ...one, sop: `${one.sop}.2` })),
    ]);
    await untilState('1.2.10', 'receiving');
    await untilState('1.2.10', 'queued');
    const row = await studyRow('1.2.10');
    expect(row).toMatchObject({
      accession_number: 'ACC1',
      patient_name: 'Phantom^Test',
      priority: PRIORITY.routine,
      request: 1,
    });
    expect(await instancesIn('1.2.10')).toBe(35);
    startWorker();
    await untilState('1.2.10', 'clear');
    expect(jobs).toEqual([{ studyInstanceUid: '1.2.10', request: 1 }]);
  });

  test('an open association that sent to the study keeps it open; one that sent elsewhere does not', async () => {
    const index = startIndex();
    const [one, other] = [
      await storeTestInstance(spool, { study: '1.2.11', sop: '1.2.11.1' }),
      await storeTestInstance(spool, { study: '1.2.12', sop: '1.2.12.1' }),
    ];
    index.associationOpened(1);
    index.associationOpened(2);
    index.record(one, 1);
    index.record(other, 2);
    index.associationClosed(2);
    await untilState('1.2.12', 'queued');
    await afterQuiet();
    expect((await studyRow('1.2.11')).state).toBe('receiving');
    index.associationClosed(1);
    await untilState('1.2.11', 'queued');
  });

  test('what is noted after its association ended keeps nothing open', async () => {
    const index = startIndex();
    const late = await storeTestInstance(spool, { study: '1.2.13', sop: '1.2.13.1' });
    index.associationOpened(7);
    index.associationClosed(7);
    index.record(late, 7);
    await untilState('1.2.13', 'queued');
  });

  test('an association at another receiver keeps the study open when the one here ends', async () => {
    const [here, there] = [startIndex(), startIndex()];
    there.associationOpened(1);
    there.record(await storeTestInstance(spool, { study: '1.2.14', sop: '1.2.14.1' }), 1);
    await send(here, [{ study: '1.2.14', sop: '1.2.14.2' }]);
    await afterQuiet(4);
    expect((await studyRow('1.2.14')).state).toBe('receiving');
    there.associationClosed(1);
    await untilState('1.2.14', 'queued');
    expect((await studyRow('1.2.14')).request).toBe(1);
  });

  test('a receiver that was killed keeps no study open', async () => {
    await database.pool.query(
      "INSERT INTO study (study_instance_uid, association_open_until) VALUES ('1.2.15', now() + interval '3 seconds')",
    );
    startIndex();
    await untilState('1.2.15', 'queued');
  });

  test('the maximum age completes a study whose association never ends, and later instances open it again', async () => {
    const index = startIndex({ maxAgeMs: 1_500 });
    index.associationOpened(1);
    index.record(await storeTestInstance(spool, { study: '1.2.16', sop: '1.2.16.1' }), 1);
    await untilState('1.2.16', 'queued');
    index.record(await storeTestInstance(spool, { study: '1.2.16', sop: '1.2.16.2' }), 1);
    await eventually('the second round', async () => (await studyRow('1.2.16')).request === 2);
    index.associationClosed(1);
  });

  test('late instances make exactly one more job, identical repetitions none, and the result stays visible meanwhile', async () => {
    const index = startIndex();
    startWorker();
    await send(index, slices('1.2.17', 10));
    await untilState('1.2.17', 'clear');
    await send(index, slices('1.2.17', 10));
    await afterQuiet();
    expect(jobs).toHaveLength(1);
    await send(index, slices('1.2.17', 14));
    await eventually('the late ones', async () => (await studyRow('1.2.17')).completion === 'open');
    expect((await studyRow('1.2.17')).state).toBe('clear');
    await eventually('the second job', async () => jobs.length === 2);
    await afterQuiet();
    expect(jobs.map((job) => job.request)).toEqual([1, 2]);
    expect(await instancesIn('1.2.17')).toBe(14);
  });

  test('other content under a known SOP Instance UID is a late instance', async () => {
    const index = startIndex();
    startWorker();
    await send(index, slices('1.2.18', 2));
    await untilState('1.2.18', 'clear');
    await send(index, slices('1.2.18', 1, { comment: 'changed' }));
    await eventually('the second job', async () => jobs.length === 2);
    expect(await instancesIn('1.2.18')).toBe(3);
  });

  test('STAT, HIGH and emergency scanners go first', async () => {
    const index = startIndex({ priorityCallers: ['CTER'] });
    await send(index, slices('1.2.21', 1, { priority: 'ROUTINE' }));
    await send(index, slices('1.2.22', 1, { priority: 'HIGH' }));
    await send(index, slices('1.2.23', 1, { priority: 'STAT' }));
    await send(index, slices('1.2.24', 1, { caller: 'CTER' }));
    for (const study of ['1.2.21', '1.2.22', '1.2.23', '1.2.24']) await untilState(study, 'queued');
    const priorities = await Promise.all(
      ['1.2.21', '1.2.22', '1.2.23', '1.2.24'].map(async (study) => (await studyRow(study)).priority),
    );
    expect(priorities).toEqual([PRIORITY.routine, PRIORITY.high, PRIORITY.stat, PRIORITY.stat]);
    await eventually('the jobs', async () => (await queues.counts(TRIAGE_QUEUE))['prioritized'] === 4);
    startWorker();
    await eventually('the jobs', async () => jobs.length === 4);
    expect(
      jobs
        .slice(0, 2)
        .map((job) => job.studyInstanceUid)
        .sort(),
    ).toEqual(['1.2.23', '1.2.24']);
    expect(jobs[2]!.studyInstanceUid).toBe('1.2.22');
  });

  test('a row that the database refuses is an incident and delays nobody', async () => {
    const index = startIndex();
    const poison = await storeTestInstance(spool, { study: '1.2.25', sop: '1.2.25.1' });
    const broken = { ...poison, sizeBytes: Number.NaN } as StoredInstance;
    index.record(broken, 1);
    await send(index, slices('1.2.26', 20));
    await untilState('1.2.26', 'queued');
    const { rows } = await database.pool.query('SELECT code, sop_instance_uid FROM incident');
    expect(rows).toEqual([{ code: 'INTERNAL', sop_instance_uid: '1.2.25.1' }]);
    await eventually('the loss', async () => {
      const lost = await database.pool.query("SELECT 1 FROM lost_instance WHERE study_instance_uid = '1.2.25'");
      return lost.rows.length === 1;
    });
  });

  test('a NUL in a patient name does not disturb', async () => {
    const index = startIndex();
    await send(index, slices('1.2.27', 1, { patientName: 'Doe\0^Jane' }));
    await untilState('1.2.27', 'queued');
  });
});

describe('recovery', () => {
  test('everything in the spool that the index does not know is found at the start, before anything is complete', async () => {
    for (const instance of slices('1.2.30', 40)) await storeTestInstance(spool, instance);
    await database.pool.query(
      "INSERT INTO study (study_instance_uid, last_instance_at) VALUES ('1.2.30', now() - interval '1 hour')",
    );
    startIndex();
    startWorker();
    await untilState('1.2.30', 'clear');
    expect(await instancesIn('1.2.30')).toBe(40);
    expect(jobs).toEqual([{ studyInstanceUid: '1.2.30', request: 1 }]);
  });

  test('while the spool is scanned, studies complete as soon as their own folder was looked into', async () => {
    const scanGoesOn = Promise.withResolvers<void>();
    const whole = spool;
    spool = {
      ...whole,
      async *scan(study) {
        if (study === undefined) await scanGoesOn.promise;
        yield* whole.scan(study);
      },
    };
    const [first, ...rest] = slices('1.2.41', 30);
    for (const instance of rest) await storeTestInstance(spool, instance);
    for (const instance of slices('1.2.42', 3)) await storeTestInstance(spool, instance);
    await database.pool.query(
      "INSERT INTO study (study_instance_uid, last_instance_at) VALUES ('1.2.43', now() - interval '1 hour')",
    );
    for (const instance of slices('1.2.43', 20)) await storeTestInstance(spool, instance);
    const index = startIndex();
    startWorker();
    await send(index, [first!, ...slices('1.2.44', 2)]);
    for (const study of ['1.2.41', '1.2.43', '1.2.44']) await untilState(study, 'clear');
    const counts = await Promise.all(['1.2.41', '1.2.42', '1.2.43', '1.2.44'].map(instancesIn));
    expect([counts, jobs.map(({ request }) => request)]).toEqual([
      [30, 0, 20, 2],
      [1, 1, 1],
    ]);
    scanGoesOn.resolve();
    await untilState('1.2.42', 'clear');
    expect([await instancesIn('1.2.42'), jobs.length]).toEqual([3, 4]);
  });

  test('a folder that cannot be read holds its study, and no other, until it can be read', async () => {
    const whole = spool;
    let broken = true;
    spool = {
      ...whole,
      async *scan(study) {
        for await (const path of whole.scan(study)) if (!broken || !path.startsWith('1.2.45/')) yield path;
        const reason = 'EIO: i/o error, scandir';
        if (broken && study !== '1.2.46') throw new IchorError('FILE_UNREADABLE', { path: '1.2.45', reason });
      },
    };
    for (const study of ['1.2.45', '1.2.46'])
      for (const instance of slices(study, 3)) await storeTestInstance(spool, instance);
    await database.pool.query(
      "INSERT INTO study (study_instance_uid, last_instance_at) VALUES ('1.2.45', now() - interval '1 hour')",
    );
    startIndex();
    await untilState('1.2.46', 'queued');
    expect((await studyRow('1.2.45')).state).toBe('receiving');
    await eventually('the incident', async () => {
      const { rows } = await database.pool.query('SELECT code FROM incident');
      return rows[0]?.code === 'FILE_UNREADABLE';
    });
    broken = false;
    await untilState('1.2.45', 'queued');
    expect(await instancesIn('1.2.45')).toBe(3);
  });

  test('unreadable files in the spool are incidents, and indexed all the same: their study must not pass for whole', async () => {
    const good = await storeTestInstance(spool, { study: '1.2.31', sop: '1.2.31.9' });
    await writeFile(join(folder.path, 'spool', '1.2.31/1.2.31.1/1.2.31.1.dcm'), 'no DICOM');
    const bytes = await spool.files.open(good.spoolPath);
    await writeFile(join(folder.path, 'spool', '1.2.31/1.2.31.1/1.2.31.2.dcm'), bytes.subarray(0, 200));
    startIndex();
    await untilState('1.2.31', 'queued');
    expect(await instancesIn('1.2.31')).toBe(3);
    expect(await studyRow('1.2.31')).toMatchObject({ patient_name: 'Phantom^Test' });
    await eventually('the incidents', async () => {
      const { rows } = await database.pool.query("SELECT code FROM incident WHERE study_instance_uid = '1.2.31'");
      return rows.length === 2;
    });
  });

  test('a job that the queue lost comes back', async () => {
    const index = startIndex();
    await send(index, slices('1.2.32', 3));
    await untilState('1.2.32', 'queued');
    await eventually('the job', async () => (await queues.counts(TRIAGE_QUEUE))['prioritized'] === 1);
    await redis.flush();
    startWorker();
    await untilState('1.2.32', 'clear');
  });

  test('while Redis is away the index goes on, and every study gets its job once Redis is back', async () => {
    const index = startIndex();
    await redis.kill();
    await send(index, slices('1.2.33', 3));
    await untilState('1.2.33', 'queued');
    await send(index, slices('1.2.34', 3));
    await untilState('1.2.34', 'queued');
    await redis.restart();
    startWorker();
    await untilState('1.2.33', 'clear');
    await untilState('1.2.34', 'clear');
    expect(jobs.map((job) => job.request)).toEqual([1, 1]);
  });

  test('while the database is away instances are noted, and indexed once it is back', async () => {
    const index = startIndex();
    startWorker();
    await send(index, slices('1.2.35', 5));
    await eventually('the study', async () => (await instancesIn('1.2.35')) === 5);
    await postgres.kill();
    await send(index, [...slices('1.2.35', 12), ...slices('1.2.36', 12)]);
    await postgres.restart();
    for (const study of ['1.2.35', '1.2.36'])
      await eventually(study, async () => (await studyRow(study))?.state === 'clear', 60_000);
    expect([await instancesIn('1.2.35'), await instancesIn('1.2.36')]).toEqual([12, 12]);
    expect(jobs.map((job) => job.studyInstanceUid).sort()).toEqual(['1.2.35', '1.2.36']);
  });

  test('an index that starts without a database takes the spool up when the database comes', async () => {
    await postgres.kill();
    await storeTestInstance(spool, { study: '1.2.37', sop: '1.2.37.1' });
    startIndex();
    await afterQuiet();
    await postgres.restart();
    await eventually('the study', async () => (await studyRow('1.2.37'))?.state === 'queued', 60_000);
  });

  test('a study folder that nobody may name is passed over', async () => {
    await mkdir(join(folder.path, 'spool', 'lost+found'), { recursive: true });
    await storeTestInstance(spool, { study: '1.2.38', sop: '1.2.38.1' });
    startIndex();
    await untilState('1.2.38', 'queued');
    expect(await readdir(join(folder.path, 'spool'))).toContain('lost+found');
  });
});
