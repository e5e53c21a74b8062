/** The statements of delivery; each does one thing. */

import { LONGEST_PAUSE_MS } from '@ichor/shared/backOff';
import { IchorError } from '@ichor/shared/errors';
import type { ObjectReference } from '@ichor/shared/files';
import { CLOCK_SLACK_MS } from '../postgres/clock.ts';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { DeliveryJob } from '../queue/jobs.ts';
import type { StoredObject } from './derivedObject.ts';

export type DueObject = {
  readonly deliveryId: number;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** Relative to the folder of derived objects. */
  readonly path: ObjectReference;
  /** Attempts before this one. */
  readonly attempts: number;
  /** Since it became pending. */
  readonly pendingMs: number;
  /** No attempt so far came to an outcome, although there were some. */
  readonly unfinished: boolean;
};

/** What a result owes a destination, the report first. The attempt counts from now on: a worker that dies of it does not forget it. */
export async function beginAttempt(database: Database, { resultId, destination }: DeliveryJob): Promise<DueObject[]> {
  const { rows } = await database.pool.query(
    `WITH d AS (UPDATE delivery SET attempts = attempts + 1
                 WHERE result_id = $1 AND destination = $2 AND state = 'pending' RETURNING *)
     SELECT d.delivery_id, d.sop_instance_uid, o.sop_class_uid, o.object_path, d.attempts - 1 AS attempts,
            d.attempts > 1 AND d.error IS NULL AS unfinished, extract(epoch FROM now() - d.pending_since) * 1000 AS pending_ms
       FROM d JOIN derived_object o USING (sop_instance_uid) ORDER BY o.kind DESC, d.delivery_id`,
    [resultId, destination],
  );
  return rows.map((row) => ({
    deliveryId: Number(row.delivery_id),
    sopInstanceUid: row.sop_instance_uid,
    sopClassUid: row.sop_class_uid,
    path: row.object_path,
    attempts: row.attempts,
    pendingMs: Number(row.pending_ms),
    unfinished: row.unfinished,
  }));
}

export async function markStored(database: Database, { deliveryId }: DueObject): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET state = 'stored', stored_at = now(), error = NULL WHERE delivery_id = $1 AND state = 'pending'",
    [deliveryId],
  );
}

export async function postpone(
  database: Database,
  { deliveryId }: DueObject,
  error: string,
  pauseMs: number,
): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET error = $2, next_attempt_at = now() + $3 * interval '1 millisecond' WHERE delivery_id = $1 AND state = 'pending'",
    [deliveryId, error, pauseMs],
  );
}

export async function markDead(database: Database, { deliveryId }: DueObject, error: string): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET state = 'dead', error = $2 WHERE delivery_id = $1 AND state = 'pending'",
    [deliveryId, error],
  );
}

/** Times that lie further ahead than any pause count as now: the database's clock was set back (clock.ts). */
export async function bringBackDeliveries(database: Database): Promise<void> {
  await database.pool.query(
    `UPDATE delivery SET next_attempt_at = now(), pending_since = least(pending_since, now())
      WHERE state = 'pending' AND next_attempt_at > now() + $1 * interval '1 millisecond'`,
    [LONGEST_PAUSE_MS + CLOCK_SLACK_MS],
  );
  await database.pool.query(
    "UPDATE delivery SET commitment_due_at = now() WHERE commitment_due_at > now() + $1 * interval '1 millisecond'",
    [LONGEST_PAUSE_MS + CLOCK_SLACK_MS],
  );
}

/** Jobs for rows that are due: after a queue was lost, a commitment failed or is to be asked for again, or a re-send was asked for. */
export async function dueJobs(database: Database): Promise<DeliveryJob[]> {
  const { rows } = await database.pool.query(
    `SELECT result_id, destination FROM delivery WHERE state = 'pending' AND next_attempt_at <= now()
      UNION SELECT result_id, destination FROM delivery WHERE state = 'stored' AND commitment_due_at <= now()`,
  );
  return rows.map((row) => ({ resultId: Number(row.result_id), destination: row.destination }));
}

/** @throws IchorError STUDY_UNKNOWN; INPUT_UNUSABLE for a destination that nothing was ever due to */
export async function checkKnown(
  database: Database,
  { studyInstanceUid, destination }: { readonly studyInstanceUid: string | null; readonly destination: string | null },
): Promise<void> {
  const { rows } = await database.pool.query(
    `SELECT ($1::text IS NULL OR EXISTS (SELECT FROM study WHERE study_instance_uid = $1)) AS study,
            ($2::text IS NULL OR EXISTS (SELECT FROM delivery WHERE destination = $2)) AS destination`,
    [studyInstanceUid, destination],
  );
  if (!rows[0].study) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid: studyInstanceUid! });
  if (!rows[0].destination)
    throw new IchorError('INPUT_UNUSABLE', {
      path: destination!,
      reason: 'nothing was ever due to such a destination',
    });
}

/** @returns how many deliveries became pending again */
export async function revive(
  database: Database,
  { studyInstanceUid, destination }: { readonly studyInstanceUid: string | null; readonly destination: string | null },
): Promise<number> {
  const { rowCount } = await database.pool.query(
    `UPDATE delivery d SET state = 'pending', attempts = 0, error = NULL, transaction_uid = NULL, commitment_due_at = NULL, commitment_asked_at = NULL, pending_since = now(), next_attempt_at = now()
       FROM result r
      WHERE r.result_id = d.result_id AND d.state = 'dead'
        AND ($1::text IS NULL OR r.study_instance_uid = $1) AND ($2::text IS NULL OR d.destination = $2)`,
    [studyInstanceUid, destination],
  );
  return rowCount ?? 0;
}

/** What was written is due to its destinations. */
export async function insertDeliveries(
  client: DatabaseClient,
  resultId: number,
  objects: readonly StoredObject[],
): Promise<void> {
  const rows = objects.flatMap((object) =>
    object.destinations.map((destination) => [object.sopInstanceUid, destination] as const),
  );
  await client.query(
    `INSERT INTO delivery (result_id, sop_instance_uid, destination)
     SELECT $1, uid, destination FROM unnest($2::text[], $3::text[]) AS t(uid, destination)`,
    [resultId, rows.map(([uid]) => uid), rows.map(([, destination]) => destination)],
  );
}

/** Objects of current results by destination and state. */
export async function countDeliveries(
  database: Database,
): Promise<{ readonly destination: string; readonly state: string; readonly count: number }[]> {
  const { rows } = await database.pool.query(
    `SELECT d.destination, d.state, count(*)::int AS count
       FROM delivery d JOIN study s ON s.result_id = d.result_id GROUP BY d.destination, d.state`,
  );
  return rows;
}
