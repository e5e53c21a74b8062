/** Incidents that are alike are counted, one host cannot fill the table, and what is old goes; on a real PostgreSQL. */
import { startReceiverRole } from '@ichor/receiver/receiver';
import { loadConfig } from '@ichor/settings/config';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { listIncidents, openIncidents, purge } from '@ichor/store/rows/incident';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eventually, runIchor } from '../support/ichor.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { connectRaw } from '../support/rawPeer.ts';
import { openWorkFolder } from '../support/workFolder.ts';

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});
beforeEach(() => database.pool.query('TRUNCATE incident'));

const all = () => listIncidents(database, { limit: 1_000, studyInstanceUid: null, code: null, before: null });
const refused = (callingAeTitle: string) => ({
  code: 'ASSOCIATION_REFUSED',
  message: `An association of ${callingAeTitle} was rejected.`,
  callingAeTitle,
  address: '10.0.0.7',
});

test('one host whose associations are rejected again and again is one row with their number', async () => {
  const folder = await openWorkFolder('incidents');
  const env = { ICHOR_DATABASE_URL: postgres.url, ICHOR_DATA_DIR: folder.path, ICHOR_LOG_LEVEL: 'silent' };
  const receiver = await startReceiverRole(
    loadConfig({ ...env, ICHOR_DICOM_PORT: '0', ICHOR_CALLERS: 'CTSCANNER' }),
    silentLog,
  );
  for (let round = 0; round < 5; round++)
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const peer = await connectRaw(receiver.port);
        await peer.associate({ calling: 'STRANGER' });
        peer.socket.destroy();
      }),
    );
  await receiver.close();
  expect(await all()).toMatchObject([
    {
      code: 'ASSOCIATION_REFUSED',
      callingAeTitle: 'STRANGER',
      address: expect.stringContaining('127.0.0.1'),
      count: 100,
    },
  ]);
  expect((await runIchor(['incidents'], env)).stdout).toMatch(/from STRANGER, at .*127\.0\.0\.1, 100 times until 20/);
  await folder.remove();
});

test('a host that gives another name each time, to two receivers, gets a bounded number of rows, and none is uncounted', async () => {
  const receivers = [openIncidents(database, silentLog), openIncidents(database, silentLog)];
  for (let number = 0; number < 700; number++)
    for (const incidents of receivers) incidents.record(refused(`NAME${number}`));
  for (const incidents of receivers) await incidents.close();
  const rows = await all();
  expect(rows).toHaveLength(101);
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(1_400);
  expect(rows.find(({ count }) => count > 2)).toMatchObject({
    count: 1_200,
    callingAeTitle: null,
    address: '10.0.0.7',
  });
});

test('what differs in study, instance or words of ours stays apart', async () => {
  const incidents = openIncidents(database, silentLog);
  const dead = { code: 'STORE_REFUSED', sopInstanceUid: '1.2.3' };
  for (const destination of ['PACS1', 'PACS2', 'PACS1'])
    incidents.record({ ...dead, message: `${destination} refused 1.2.3` });
  for (const studyInstanceUid of ['1.2', '1.3'])
    for (const sopInstanceUid of ['1', '2']) incidents.record({ ...refused('CT'), studyInstanceUid, sopInstanceUid });
  await incidents.close();
  const rows = await all();
  expect(rows.map(({ count }) => count).sort()).toEqual([1, 1, 1, 1, 1, 2]);
});

test('incidents that come while the database is away are counted too, and closing does not wait for it', async () => {
  const [incidents, left] = [openIncidents(database, silentLog), openIncidents(database, silentLog)];
  await postgres.kill();
  for (let number = 0; number < 500; number++) incidents.record(refused('CT'));
  left.record(refused('CT'));
  await left.close();
  await postgres.restart();
  await eventually('the row', async () => (await all())[0]?.count === 500, 20_000);
  await incidents.close();
});

test('old ones go, and beyond a number the oldest', async () => {
  const incidents = openIncidents(database, silentLog);
  for (let number = 0; number < 10; number++) incidents.record({ code: 'INTERNAL', message: `number ${number}` });
  await incidents.close();
  await database.pool.query(
    "UPDATE incident SET last_at = now() - interval '91 days' WHERE message IN ('number 2', 'number 9')",
  );
  await purge(database, 90);
  expect(await all()).toHaveLength(8);
  await purge(database, 90, 3);
  expect((await all()).map(({ message }) => message)).toEqual(['number 8', 'number 7', 'number 6']);
});
