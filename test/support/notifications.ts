/** The notification part of a worker in this process, on real queues, and results as triage leaves them. */

import { loadConfig } from '@ichor/settings/config';
import type { NotificationLane } from '@ichor/settings/notificationSettings';
import { enqueueNotifications } from '@ichor/store/outbox/enqueueNotifications';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { openQueues } from '@ichor/store/queue/queues';
import { openIncidents } from '@ichor/store/rows/incident';
import { insertNotifications } from '@ichor/store/rows/notification';
import { lanesOf } from '@ichor/worker/notification/lanes';
import { startNotification } from '@ichor/worker/notification/runNotification';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { eventually } from './ichor.ts';
import { silentLog, startPostgres, type TestPostgres } from './postgres.ts';
import { FINDINGS } from './worklistRows.ts';

export type Notifier = {
  readonly lanes: readonly NotificationLane[];
  /** Jobs for what is due, as triage does after each result. */
  wake(): Promise<void>;
  stop(): Promise<void>;
};

/** Short times, so that back-off is seen within seconds. */
export async function startNotifier(
  database: Database,
  env: Readonly<Record<string, string>>,
  log = silentLog,
): Promise<Notifier> {
  const times = { ICHOR_DELIVERY_BACKOFF_MS: '100', ICHOR_NOTIFICATION_TIMEOUT_MS: '1000' };
  const config = loadConfig({ ...times, ...env });
  const queues = await openQueues(config, database);
  const incidents = openIncidents(database, log);
  const stop = startNotification({ config, log, database, queues, incidents });
  return {
    lanes: lanesOf(config),
    wake: () => enqueueNotifications(database, queues),
    async stop() {
      await stop();
      await queues.close();
      await incidents.close();
    },
  };
}

/** The hooks of a suite: a PostgreSQL of its own, emptied before each test, and a notifier that is stopped after the test. */
export function useNotifications() {
  let postgres: TestPostgres;
  let database: Database;
  let notifier: Notifier | null = null;
  beforeAll(async () => {
    postgres = await startPostgres();
    database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
  }, 120_000);
  afterAll(async () => {
    await database.close();
    await postgres.stop();
  });
  beforeEach(() => emptyNotifications(database));
  afterEach(async () => {
    await notifier?.stop();
    notifier = null;
  }, 30_000);
  return {
    get database(): Database {
      return database;
    },
    /** One a test. */
    async start(env: Readonly<Record<string, string>>): Promise<Notifier> {
      notifier = await startNotifier(database, env);
      return notifier;
    },
    untilStates: (wanted: Readonly<Record<string, number>>) =>
      eventually(
        `states ${JSON.stringify(wanted)}`,
        async () => JSON.stringify(await stateCounts(database)) === JSON.stringify(wanted),
      ),
  };
}

export const lanesFor = (env: Readonly<Record<string, string>>): readonly NotificationLane[] =>
  lanesOf(loadConfig(env));

export type ResultRow = {
  readonly uid: string;
  readonly state: 'flagged' | 'clear' | 'not-analysed' | 'failed';
  readonly patientName?: string;
  readonly patientId?: string;
  readonly accessionNumber?: string;
};

/** A study with a (further) result, and its notifications in the same transaction. */
export async function addNotifiedResult(
  database: Database,
  lanes: readonly NotificationLane[],
  { uid, state, patientName = 'Doe^Jane', patientId = 'P-1', accessionNumber = 'A-1' }: ResultRow,
): Promise<void> {
  const analysed = state === 'flagged' || state === 'clear';
  const clear = Object.fromEntries(
    Object.entries(FINDINGS).map(([name, { threshold }]) => [name, { score: 0.01, threshold, present: false }]),
  );
  const findings = state === 'flagged' ? FINDINGS : clear;
  const reason = { code: 'too-few-slices', sentence: 'The series has fewer than 12 slices; the whole head is needed.' };
  await database.transaction(async (client) => {
    await client.query(
      `INSERT INTO study (study_instance_uid, state, accession_number, patient_name, patient_id, study_date)
       VALUES ($1, 'analysing', $2, $3, $4, '20240131') ON CONFLICT DO NOTHING`,
      [uid, accessionNumber, patientName, patientId],
    );
    const { rows } = await client.query(
      `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state, reason, error_code, findings)
       SELECT $1, coalesce(max(revision), 0) + 1, gen_random_uuid()::text, 'test-model', '1.0.0', 'ab', $2, $3, $4, $5
         FROM result WHERE study_instance_uid = $1 RETURNING result_id`,
      [
        uid,
        state,
        state === 'not-analysed' ? JSON.stringify(reason) : null,
        state === 'failed' ? 'INFERENCE_FAILED' : null,
        analysed ? JSON.stringify(findings) : null,
      ],
    );
    const resultId = Number(rows[0].result_id);
    await insertNotifications(client, uid, resultId, lanes);
    await client.query(
      'UPDATE study SET state = r.state, reason = r.reason, error_code = r.error_code, revision = r.revision, result_id = $2 FROM result r WHERE study.study_instance_uid = $1 AND r.result_id = $2',
      [uid, resultId],
    );
  });
}

/** How many notifications are in each state. */
export async function stateCounts(database: Database): Promise<Readonly<Record<string, number>>> {
  const { rows } = await database.pool.query('SELECT state, count(*)::int AS count FROM notification GROUP BY state');
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** Waits until every row is pending, was refused twice, and none is under way or due soon: what changes now meets no attempt halfway. */
export const untilIdle = (database: Database) =>
  eventually('a pause in which nothing is under way', async () => {
    const { rows } = await database.pool.query(
      `SELECT bool_and(state = 'pending' AND attempts > 1 AND claimed_until <= now()
                       AND next_attempt_at > now() + interval '1 second') AS idle FROM notification`,
    );
    return rows[0].idle;
  });

export const emptyNotifications = async (database: Database): Promise<void> => {
  await database.pool.query('TRUNCATE study, result, notification, notification_lane, incident CASCADE');
};
