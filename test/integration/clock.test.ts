/** The database's clock is set back by an hour: rows from before then lie in the future, and nothing waits for it to catch up. */

import { addAccount } from '@ichor/accounts/accounts';
import { takeAttempt } from '@ichor/accounts/attempts';
import { findSession, openSession } from '@ichor/accounts/sessions';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { writeAudit } from '@ichor/store/rows/audit';
import { bringBackStudies, completeStudies } from '@ichor/store/rows/completion';
import { bringBackDeliveries, dueJobs } from '@ichor/store/rows/delivery';
import { claimObjects } from '@ichor/store/rows/dueObjects';
import { bringBackNotifications, claim, dueNotifications } from '@ichor/store/rows/notification';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { addNotifiedResult } from '../support/notifications.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { addDelivery, addResult, addStudy } from '../support/worklistRows.ts';

const STUDY = '1.2.3';
const LANE = { kind: 'hl7', destination: 'ris:2575' } as const;
const AN_HOUR_AHEAD = "now() + interval '1 hour'";
const OPEN_AHEAD_MS = 3_000;

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
  await addAccount(database, { name: 'vera', role: 'viewer', password: 'correct horse battery staple' });
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});
beforeEach(() =>
  database.pool.query(
    'TRUNCATE study, result, delivery, notification, notification_lane, session, sign_in_attempt CASCADE',
  ),
);

test('an open study completes after its quiet period', async () => {
  await addStudy(database, { uid: STUDY, state: 'receiving' });
  await database.pool.query(
    `UPDATE study SET last_instance_at = ${AN_HOUR_AHEAD}, open_since = ${AN_HOUR_AHEAD}, association_open_until = ${AN_HOUR_AHEAD}`,
  );
  await bringBackStudies(database, OPEN_AHEAD_MS);
  const { rows } = await database.pool.query(
    `SELECT association_open_until <= now() + interval '3 seconds' AND last_instance_at <= now() AND open_since <= now() AS back FROM study`,
  );
  expect(rows).toEqual([{ back: true }]);
  await database.pool.query("UPDATE study SET association_open_until = '-infinity'");
  expect(await completeStudies(database, { quietPeriodMs: 0, maxAgeMs: 3_600_000 })).toHaveLength(1);
});

test('a study whose association is open keeps its times', async () => {
  await addStudy(database, { uid: STUDY, state: 'receiving', minutesAgo: 2 });
  const times = 'SELECT last_instance_at, open_since, association_open_until FROM study';
  await database.pool.query(`UPDATE study SET association_open_until = now() + interval '3 seconds'`);
  const before = (await database.pool.query(times)).rows;
  await bringBackStudies(database, OPEN_AHEAD_MS);
  expect((await database.pool.query(times)).rows).toEqual(before);
});

test('a delivery is due', async () => {
  await addStudy(database, { uid: STUDY, state: 'flagged' });
  const resultId = await addResult(database, STUDY, 'flagged');
  await addDelivery(database, resultId, {
    kind: 'SR',
    uid: '1.2.4',
    destination: 'PACS',
    state: 'pending',
    attempts: 1,
  });
  await database.pool.query(`UPDATE delivery SET next_attempt_at = ${AN_HOUR_AHEAD}, pending_since = ${AN_HOUR_AHEAD}`);
  await bringBackDeliveries(database);
  expect(await dueJobs(database)).toEqual([{ resultId, destination: 'PACS' }]);
  await database.pool.query("UPDATE delivery SET next_attempt_at = now() + interval '15 minutes'");
  await bringBackDeliveries(database);
  expect(await dueJobs(database)).toEqual([]);
});

test('a result whose report is to be written has its turn', async () => {
  await addStudy(database, { uid: STUDY, state: 'flagged' });
  await addResult(database, STUDY, 'flagged');
  await database.pool.query("UPDATE result SET objects = 'due', objects_due_at = now() + interval '4 minutes'");
  expect(await claimObjects(database)).toBeNull();
  await database.pool.query(`UPDATE result SET objects_due_at = ${AN_HOUR_AHEAD}`);
  expect(await claimObjects(database)).toMatchObject({ attempts: 1 });
});

test.each(['next_attempt_at', 'claimed_until'])('a notification whose %s is ahead is sent', async (column) => {
  await addNotifiedResult(database, [LANE], { uid: STUDY, state: 'flagged' });
  await database.pool.query(`UPDATE notification SET ${column} = ${AN_HOUR_AHEAD}`);
  await bringBackNotifications(database, 900_000);
  expect(await dueNotifications(database)).toHaveLength(1);
  expect(await claim(database, LANE, 60_000)).toMatchObject({ studyInstanceUid: STUDY });
});

test('a lane that was paused goes on', async () => {
  await addNotifiedResult(database, [LANE], { uid: STUDY, state: 'flagged' });
  await database.pool.query(
    `INSERT INTO notification_lane (kind, destination, faults, paused_until) VALUES ('hl7', $1, 1, ${AN_HOUR_AHEAD})`,
    [LANE.destination],
  );
  expect(await claim(database, LANE, 60_000)).toBeNull();
  await bringBackNotifications(database, 900_000);
  expect(await claim(database, LANE, 60_000)).toMatchObject({ studyInstanceUid: STUDY });
});

test('a lock after wrong passwords lasts no longer than the longest one', async () => {
  await takeAttempt(database, 'vera', '10.0.0.1');
  await database.pool.query(
    `UPDATE sign_in_attempt SET failures = 9, locked_until = ${AN_HOUR_AHEAD}, last_at = ${AN_HOUR_AHEAD}`,
  );
  expect(await takeAttempt(database, 'vera', '10.0.0.1')).toBe(900);
  const { rows } = await database.pool.query(
    "SELECT max(locked_until) <= now() + interval '15 minutes' AS shortened FROM sign_in_attempt",
  );
  expect(rows).toEqual([{ shortened: true }]);
});

test('a session lasts no longer than any other, and a view of a study is noted again', async () => {
  const { rows } = await database.pool.query('SELECT account_id FROM account');
  const id = await openSession(database, rows[0].account_id, null);
  await database.pool.query(`UPDATE session SET created_at = ${AN_HOUR_AHEAD}, last_used_at = ${AN_HOUR_AHEAD}`);
  expect(await findSession(database, id, { sessionIdleMs: 60_000, sessionMaxMs: 60_000 })).not.toBeNull();
  const session = await database.pool.query('SELECT greatest(created_at, last_used_at) <= now() AS back FROM session');
  expect(session.rows).toEqual([{ back: true }]);
  const view = {
    actor: 'vera',
    actorKind: 'person',
    role: 'viewer',
    address: null,
    act: 'study-viewed',
    succeeded: true,
    studyInstanceUid: STUDY,
    detail: null,
  } as const;
  await database.pool.query(
    `INSERT INTO audit (at, actor, actor_kind, act, study_instance_uid) VALUES (${AN_HOUR_AHEAD}, 'vera', 'person', 'study-viewed', $1)`,
    [STUDY],
  );
  for (let time = 0; time < 2; time++) await writeAudit(database, view, false);
  expect(
    (await database.pool.query("SELECT count(*)::int AS views FROM audit WHERE act = 'study-viewed'")).rows,
  ).toEqual([{ views: 2 }]);
});
