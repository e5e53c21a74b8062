/** A mount that fails leaves an empty folder where the spool was: every role notices, works with no other, and goes on when it is back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { statusOf } from '@ichor/dimse/statuses';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { startReceiverRole } from '@ichor/receiver/receiver';
import { loadConfig } from '@ichor/settings/config';
import { openSpool, type Spool } from '@ichor/store/files/spool';
import { guardSpool, type SpoolGuard } from '@ichor/store/files/spoolIdentity';
import { requestTriage } from '@ichor/store/outbox/requestTriage';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { TRIAGE_QUEUE } from '@ichor/store/queue/jobs';
import { openQueues } from '@ichor/store/queue/queues';
import type { Incident } from '@ichor/store/rows/incident';
import { startWorkerRole } from '@ichor/worker/worker';
import { startWorklistRole } from '@ichor/worklist/worklist';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, runIchor } from '../support/ichor.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { storeTestInstance } from '../support/studies.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';
import { addInstance, addStudy } from '../support/worklistRows.ts';

let postgres: TestPostgres;
let folder: WorkFolder;
let dataDir: string;
let database: Database;
let incidents: Incident[] = [];
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  folder = await openWorkFolder('identity');
  dataDir = join(folder.path, 'data');
  await mkdir(dataDir);
  database = await openDatabase({ databaseUrl: postgres.url, dataDir }, silentLog);
  await database.pool.query('TRUNCATE spool, study, series, instance, result, incident CASCADE');
  incidents = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await database.close();
  await folder.remove();
});

const inSpool = (...names: string[]): string => join(dataDir, 'spool', ...names);
/** The mount fails: an empty folder is there instead. */
async function unmount(): Promise<void> {
  await rename(inSpool(), join(dataDir, 'spool.away'));
  await mkdir(inSpool());
}
async function mount(): Promise<void> {
  await rm(inSpool(), { recursive: true });
  await rename(join(dataDir, 'spool.away'), inSpool());
}
async function guard({ mayBegin = true, of = database } = {}): Promise<SpoolGuard> {
  const record = (incident: Incident): void => void incidents.push(incident);
  const parts = {
    settings: { dataDir },
    database: of,
    log: silentLog,
    incidents: { record, close: async () => {} },
    mayBegin,
  };
  const one = await guardSpool(parts);
  closers.push(one.close);
  return one;
}
const spoolFor = (one: SpoolGuard): Promise<Spool> => openSpool({ dataDir }, 0, one.check);
const instance = (number: number) => ({ study: '1.2.3', sop: `1.2.3.1.${number}` });
const identityInDatabase = async (): Promise<string | undefined> =>
  (await database.pool.query('SELECT identity FROM spool')).rows[0]?.identity;
const identityInFolder = async (): Promise<string> => (await readFile(inSpool('identity'), 'utf8')).trim();
const foreign = { code: 'SPOOL_FOREIGN', retryable: true };

describe('at the first start', () => {
  test('the first receiver begins the spool; roles that start together, and later ones, find the same', async () => {
    await (await guard({ mayBegin: false })).check();
    expect(await identityInDatabase()).toBeUndefined();
    const guards = await Promise.all([guard(), guard(), guard(), guard({ mayBegin: false })]);
    for (const one of guards) await one.check();
    expect(await identityInFolder()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await identityInDatabase()).toBe(await identityInFolder());
    expect(await readdir(inSpool())).toEqual(['identity']);
  });

  test('a spool with studies from before there were identities is taken over, and so is one whose database is new', async () => {
    await storeTestInstance(await openSpool({ dataDir }), instance(1));
    await addStudy(database, { uid: '1.2.3', state: 'clear' });
    await addInstance(database, '1.2.3', '1.2.3.1.1');
    await (await guard({ mayBegin: false })).check();
    const identity = await identityInFolder();
    expect(await identityInDatabase()).toBe(identity);
    await database.pool.query('TRUNCATE spool, study, instance CASCADE');
    await (await guard()).check();
    expect(await identityInDatabase()).toBe(identity);
  });

  test('an empty folder is refused when the database knows instances', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'clear' });
    await addInstance(database, '1.2.3', '1.2.3.1.1');
    await expect((await guard()).check()).rejects.toMatchObject(foreign);
    expect(await identityInDatabase()).toBeUndefined();
  });
});

describe('a receiver', () => {
  test('refuses an empty folder and a foreign one with 0xA700 from one instance to the next, tells it once, and goes on', async () => {
    const spool = await spoolFor(await guard());
    await storeTestInstance(spool, instance(1));
    await unmount();
    const refused = await storeTestInstance(spool, instance(2)).catch((error) => error);
    expect([refused.code, statusOf(refused)]).toEqual(['SPOOL_FOREIGN', 0xa700]);
    expect(await readdir(inSpool())).toEqual([]);
    await writeFile(inSpool('identity'), 'another\n');
    await expect(storeTestInstance(spool, instance(2))).rejects.toThrow(/names another/);
    await expect(async () => {
      for await (const path of spool.scan()) throw new Error(path);
    }).rejects.toMatchObject(foreign);
    await eventually('the incident', async () => incidents.length > 0);
    await mount();
    await storeTestInstance(spool, instance(2));
    expect(new Set(incidents.map(({ code }) => code))).toEqual(new Set(['SPOOL_FOREIGN']));
  });

  test('whose database is away goes by what it kept, and refuses an empty folder', async () => {
    await (await guard()).check();
    const away = await openDatabase({ databaseUrl: 'postgres://ichor:x@127.0.0.1:1/x', dataDir }, silentLog, {
      mayBeAway: true,
    });
    closers.push(() => away.close());
    await storeTestInstance(await spoolFor(await guard({ of: away })), instance(1));
    await unmount();
    await expect((await guard({ of: away })).check()).rejects.toMatchObject(foreign);
    await rm(join(dataDir, 'spool.identity'));
    await expect((await guard({ of: away })).check()).rejects.toThrow(/it is empty/);
    await mount();
    await (await guard({ of: away })).check();
  });

  test('answers C-STORE with 0xA700 while the mount is away', async () => {
    const config = loadConfig({ ...settings(), ICHOR_DICOM_PORT: '0', ICHOR_DISK_FLOOR_BYTES: '0' });
    const receiver = await startReceiverRole(config, silentLog);
    closers.push(() => receiver.close());
    const { files } = await writePhantomStudy({
      out: join(folder.path, 'ct'),
      seed: 1,
      bleeds: [],
      slices: 2,
      matrix: 64,
    });
    expect(await send(receiver.port, files)).not.toMatch(/Refused/);
    await unmount();
    expect(await send(receiver.port, files)).toMatch(/0xa700|OutOfResources/i);
    await mount();
    expect(await send(receiver.port, files)).not.toMatch(/Refused/);
  });
});

test('a worker takes no job while its spool is foreign, tells it, and takes it when the mount is back', async () => {
  await storeTestInstance(await spoolFor(await guard()), instance(1));
  await addStudy(database, { uid: '1.2.3', state: 'queued' });
  await addInstance(database, '1.2.3', '1.2.3.1.1');
  await unmount();
  const config = loadConfig({ ...settings(), ICHOR_WORKER_QUEUES: 'triage' });
  const queues = await openQueues(config, database, silentLog);
  closers.push(() => queues.close());
  const { job } = await requestTriage(database, '1.2.3');
  await queues.add(TRIAGE_QUEUE, job, { jobId: 'one' });
  const worker = await startWorkerRole(config, silentLog);
  closers.push(() => worker.close());
  await eventually('the incident', async () => {
    const { rows } = await database.pool.query('SELECT code FROM incident');
    return rows[0]?.code === 'SPOOL_FOREIGN';
  });
  const states = async () => (await database.pool.query('SELECT state, attempts FROM study')).rows;
  expect([await states(), await queues.counts(TRIAGE_QUEUE)]).toMatchObject([
    [{ state: 'queued', attempts: 0 }],
    { waiting: 1, active: 0, delayed: 0 },
  ]);
  await mount();
  await eventually('the result', async () => (await states())[0].state === 'not-analysed');
});

test('`/readyz` and `ichor doctor` say that the spool is not the right one', async () => {
  await storeTestInstance(await spoolFor(await guard()), instance(1));
  const role = await startWorklistRole(loadConfig({ ...settings(), ICHOR_HTTP_PORT: '0' }), silentLog);
  closers.push(() => role.close());
  const spool = async () =>
    ((await (await fetch(`http://127.0.0.1:${role.port}/readyz`)).json()) as { parts: { spool: unknown } }).parts.spool;
  expect(await spool()).toEqual({ ok: true });
  expect((await runIchor(['doctor'], settings())).stdout).toMatch(/spool +the folder is the one of this database/);
  await unmount();
  expect(await spool()).toMatchObject({ ok: false, code: 'SPOOL_FOREIGN' });
  const { code, stdout } = await runIchor(['doctor'], settings());
  expect([code, stdout]).toEqual([1, expect.stringMatching(/is not the spool of this database: it is empty/)]);
});

const settings = (): Record<string, string> => ({
  ICHOR_DATABASE_URL: postgres.url,
  ICHOR_DATA_DIR: dataDir,
  ICHOR_LOG_LEVEL: 'silent',
});

/** What dcmtk's sender says of the answers. */
async function send(port: number, files: readonly string[]): Promise<string> {
  const child = spawn('storescu', ['-v', '-aec', 'ICHOR', '127.0.0.1', String(port), ...files]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
  await once(child, 'close');
  return said;
}
