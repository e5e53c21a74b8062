/** What Ichor asks of PostgreSQL, on the oldest version that it supports and on the one that it brings; and what it refuses. */

import { insertInstances } from '@ichor/receiver/completion/insertInstances';
import type { TriageResult } from '@ichor/shared/study';
import { saveResult } from '@ichor/store/outbox/saveResult';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { openQueues } from '@ichor/store/queue/queues';
import { closeStudies, completeStudies, dueStudies, keepStudiesOpen } from '@ichor/store/rows/completion';
import { beginAttempt, dueJobs, markStored, postpone, revive } from '@ichor/store/rows/delivery';
import { claimObjects, saveObjects } from '@ichor/store/rows/dueObjects';
import * as notifications from '@ichor/store/rows/notification';
import { claimStudy, studyDelivered } from '@ichor/store/rows/shownResult';
import { answerFor } from '@ichor/worker/incomplete';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, runIchor } from '../support/ichor.ts';
import { DEBIAN_POSTGRES, silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { PASSWORD, type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
import { CT_IMAGE } from '../support/studies.ts';
import { openWebClient } from '../support/webClient.ts';
import { FINDINGS } from '../support/worklistRows.ts';

const SERVERS: readonly (readonly [string, string | undefined])[] = [
  ['PostgreSQL 15 of Debian', DEBIAN_POSTGRES],
  ['the PostgreSQL that comes with Ichor', undefined],
];
const STUDY = '1.2.3';
const LANE = { kind: 'hl7', destination: 'ris:2575' } as const;

describe.each(SERVERS)('on %s', (_name, programs) => {
  let worklist: SignedInWorklist;
  let database: Database;
  beforeAll(async () => {
    worklist = await startSignedInWorklist(() => ({}), programs);
    database = worklist.database;
    await worklist.addUser('vera', 'viewer');
    await worklist.addUser('adam', 'administrator');
  });
  afterAll(() => worklist?.stop());

  test('people sign in, are refused a wrong password, and are locked out after five', async () => {
    const client = openWebClient(worklist.url);
    const answers: number[] = [];
    for (const password of [PASSWORD, 'wrong', 'wrong', 'wrong', 'wrong', 'wrong', PASSWORD])
      answers.push((await client.submit('/sign-in', { name: 'vera', password })).status);
    expect(answers).toEqual([200, 401, 401, 401, 401, 401, 429]);
    await database.pool.query(`UPDATE sign_in_attempt SET locked_until = now() - interval '1 second'`);
    await worklist.signIn('vera');
  });

  test('a study arrives, completes, gets its result, is delivered, told, and shown', async () => {
    await arrive(database);
    await keepStudiesOpen(database, [STUDY], 3_000);
    expect(await completeStudies(database, { quietPeriodMs: 0, maxAgeMs: 100_000 })).toEqual([]);
    await closeStudies(database, [STUDY], 0);
    const [due] = await completeStudies(database, { quietPeriodMs: 0, maxAgeMs: 100_000 });
    expect(await dueStudies(database)).toEqual([due]);
    const claimed = await claimStudy(database, due!, true);
    const { resultId } = (await saveResult(database, due!, claimed!, RESULT, null, [LANE], answerFor)).saved!;
    const objects = await claimObjects(database, resultId);
    const deliveries = await saveObjects(database, objects!, [OBJECT]);
    await deliver(database);
    await notify(database);
    const administrator = await worklist.signIn('adam');
    const list = await administrator.open('/api/studies');
    expect(JSON.parse(list.text).studies).toMatchObject([{ studyInstanceUid: STUDY, state: 'flagged' }]);
    for (const path of ['/api/figures', '/api/incidents', '/api/notifications', `/api/studies/${STUDY}`])
      expect([path, (await administrator.open(path)).status]).toEqual([path, 200]);
    expect(deliveries).toEqual([{ resultId: expect.any(Number), destination: 'PACS' }]);
  });

  test('a job goes through the queue', async () => {
    const queues = await openQueues({ queueUrl: null }, database, silentLog);
    const done: unknown[] = [];
    queues.consume('some', async (payload) => {
      done.push(payload);
      return done.length < 2 ? { againInMs: 1 } : null;
    });
    await queues.add('some', { request: 1 }, { jobId: 'one', priority: 1 });
    await eventually('the second run of the job', async () => done.length === 2);
    await queues.close();
  });

  test('`ichor doctor` names the version', async () => {
    const { stdout } = await runIchor(['doctor'], { ICHOR_DATABASE_URL: database.url });
    expect(stdout).toMatch(programs === undefined ? /PostgreSQL 18\.\S* answers/ : /PostgreSQL 15\.\S* .*answers/);
  });
});

const arrive = (database: Database): Promise<void> =>
  insertInstances(
    database,
    [
      {
        spoolPath: `${STUDY}/${STUDY}.1/${STUDY}.1.1.dcm`,
        studyInstanceUid: STUDY,
        seriesInstanceUid: `${STUDY}.1`,
        sopInstanceUid: `${STUDY}.1.1`,
        sopClassUid: CT_IMAGE,
        transferSyntaxUid: '1.2.840.10008.1.2.1',
        sizeBytes: 1,
        callingAeTitle: 'CT',
        header: {
          accessionNumber: null,
          patientId: null,
          patientName: null,
          studyDate: null,
          studyDescription: null,
          modality: 'CT',
          seriesDescription: null,
          requestedProcedurePriority: null,
        },
        priority: 3,
      },
    ],
    () => true,
    3_000,
  );

const RESULT: TriageResult = {
  studyInstanceUid: STUDY,
  inputDigest: 'some',
  model: { name: 'test', version: '1.0.0', sha256: 'ab' },
  state: 'flagged',
  reason: null,
  findings: FINDINGS,
  keySlices: [],
  sliceScores: [],
  heatmaps: [],
  series: [],
  errorCode: null,
};
const OBJECT = {
  kind: 'SR',
  sopInstanceUid: '1.2.4',
  seriesInstanceUid: '1.2.5',
  sopClassUid: '1.2.6',
  path: 'x',
  destinations: ['PACS'],
} as const;

async function deliver(database: Database): Promise<void> {
  const [job] = await dueJobs(database);
  const [object] = await beginAttempt(database, job!);
  await postpone(database, object!, 'away', 900_000);
  expect(await dueJobs(database)).toEqual([]);
  expect(await revive(database, { studyInstanceUid: null, destination: null })).toBe(0);
  await markStored(database, object!);
  await studyDelivered(database, job!.resultId);
}

/** Through every pause of a lane, to the end. */
async function notify(database: Database): Promise<void> {
  await notifications.bringBackNotifications(database, 900_000);
  const claimed = (await notifications.claim(database, LANE, 60_000))!;
  expect(await notifications.waitMs(database, claimed)).toBeGreaterThan(50_000);
  await notifications.noteFault(database, LANE);
  await notifications.pauseLane(database, LANE, 30_000);
  await notifications.postpone(database, claimed, 'away', 0);
  await notifications.probeWithPositive(database, LANE);
  expect(await notifications.dueNotifications(database)).toEqual([]);
  expect(await notifications.expire(database, [LANE], 60_000, 'too late')).toEqual([]);
  await notifications.clearFaults(database, LANE);
  await notifications.hurry(database, LANE);
  expect(await notifications.waitMs(database, claimed)).toBeLessThanOrEqual(0);
  expect(await notifications.dueNotifications(database)).toHaveLength(1);
  await notifications.markDead(database, (await notifications.claim(database, LANE, 60_000))!, 'refused');
  expect(await notifications.countDeadNotifications(database)).toEqual([{ ...LANE, count: 1 }]);
  expect(await notifications.resendNotifications(database, null)).toHaveLength(1);
  await notifications.markDelivered(database, (await notifications.claim(database, LANE, 60_000))!);
  expect(await notifications.listNotifications(database)).toMatchObject([{ state: 'delivered' }]);
}

describe('a database that will not do', () => {
  let postgres: TestPostgres;
  let keeper: Database;
  beforeAll(async () => {
    postgres = await startPostgres();
    keeper = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
  });
  afterAll(async () => {
    await keeper?.close();
    await postgres?.stop();
  });
  const reopened = (mayBeAway = false): Promise<Database> =>
    openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog, { mayBeAway });

  test('a schema of a later version is refused at start, by `ichor migrate` and by `ichor doctor`, and left as it is', async () => {
    await keeper.pool.query("INSERT INTO migration (name, run_on) VALUES ('9999_later', now())");
    const refusal = /A later version of Ichor has changed the database \(9999_later\).*restore the backup/;
    for (const mayBeAway of [false, true])
      await expect(reopened(mayBeAway)).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW', retryable: false });
    for (const args of [['migrate'], ['doctor'], ['start', 'receiver']]) {
      const { code, stdout, stderr } = await runIchor(args, { ICHOR_DATABASE_URL: postgres.url });
      expect([args, code, stdout + stderr]).toEqual([args, expect.any(Number), expect.stringMatching(refusal)]);
      expect(code).not.toBe(0);
    }
    await keeper.pool.query("DELETE FROM migration WHERE name = '9999_later'");
    await (await reopened()).close();
  });

  test('a server that is too old is refused with the version found and the version needed', async () => {
    await keeper.pool.query(`CREATE FUNCTION public.current_setting(name text) RETURNS text LANGUAGE sql AS
      $$ SELECT CASE name WHEN 'server_version_num' THEN '140011' ELSE '14.11 (Debian 14.11-1)' END $$`);
    await keeper.pool.query('ALTER ROLE ichor SET search_path = public, pg_catalog');
    for (const mayBeAway of [false, true])
      await expect(reopened(mayBeAway)).rejects.toMatchObject({ code: 'DATABASE_TOO_OLD', retryable: false });
    const { code, stdout } = await runIchor(['doctor'], { ICHOR_DATABASE_URL: postgres.url });
    expect([code, stdout]).toEqual([1, expect.stringMatching(/PostgreSQL 14\.11; Ichor needs 15 or later/)]);
  });
});
