/**
 * Report and heat maps of a result (table `result`, column `objects`): due → written, or → failed; `retryObjects` makes them due again.
 * Each function is one change.
 */
import type { TriageResult } from '@ichor/shared/study';
import { CLOCK_SLACK_MS } from '../postgres/clock.ts';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { DeliveryJob } from '../queue/jobs.ts';
import { insertDeliveries } from './delivery.ts';
import { insertObjects, type StoredObject } from './derivedObject.ts';
import { targetColumn } from './modelTarget.ts';
import { toResult } from './resultRow.ts';

/** No pause between attempts is longer. */
export const LONGEST_PAUSE_MS = 240_000;

/** A worker that dies now leaves its objects to another, which waits this long for it. */
export const OBJECTS_LEASE_MS = 30_000;

/** A time further ahead than any pause counts as now: the database's clock was set back (clock.ts). */
const DUE = "r.objects_due_at NOT BETWEEN now() AND now() + $3 * interval '1 millisecond'";

/** A result whose objects this worker now writes. */
export type DueObjects = {
  readonly resultId: number;
  /** With this one. */
  readonly attempts: number;
  /** What the attempt before failed of. */
  readonly formerError: string | null;
  readonly studyInstanceUid: string;
  /** Null when its row is no result: see toResult. */
  readonly result: TriageResult | null;
  readonly createdAt: Date;
  /** See StudyInput. */
  readonly inputUntil: string | null;
  readonly formerResultId: number | null;
};

/**
 * Takes the next result whose objects are due, flagged ones first, and counts the attempt; of one study never a later revision
 * before an earlier one. @param resultId this one only, although its time may not have come
 */
export async function claimObjects(database: Database, resultId: number | null = null): Promise<DueObjects | null> {
  const { rows } = await database.pool.query(
    `UPDATE result SET objects_attempts = objects_attempts + 1, objects_due_at = now() + $2 * interval '1 millisecond'
      WHERE result_id = (
        SELECT r.result_id FROM result r
         WHERE r.objects = 'due' AND CASE WHEN $1::bigint IS NULL THEN ${DUE} ELSE r.result_id = $1 END
           AND NOT EXISTS (SELECT FROM result e WHERE e.study_instance_uid = r.study_instance_uid AND e.objects = 'due'
                             AND e.result_id < r.result_id)
         ORDER BY r.state = 'flagged' DESC, r.objects_due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING *, input_until::text AS until, ${targetColumn('result')} AS model_target`,
    [resultId, OBJECTS_LEASE_MS, LONGEST_PAUSE_MS + CLOCK_SLACK_MS],
  );
  return rows[0] === undefined ? null : toDue(rows[0]);
}

// biome-ignore lint/suspicious/noExplicitAny: a row of `result`
function toDue(row: any): DueObjects {
  return {
    resultId: Number(row.result_id),
    attempts: row.objects_attempts,
    formerError: row.objects_error,
    createdAt: row.created_at,
    inputUntil: row.until,
    formerResultId: row.former_result_id === null ? null : Number(row.former_result_id),
    studyInstanceUid: row.study_instance_uid,
    result: toResult(row),
  };
}

/** The sign of life of the worker that writes them: no other takes them meanwhile. */
export async function holdObjects(database: Database, { resultId }: DueObjects): Promise<void> {
  await database.pool.query(
    "UPDATE result SET objects_due_at = now() + $2 * interval '1 millisecond' WHERE result_id = $1 AND objects = 'due'",
    [resultId, OBJECTS_LEASE_MS],
  );
}

/** Tried again after a pause. @param counts whether this attempt counts */
export async function postponeObjects(
  database: Database,
  { resultId }: DueObjects,
  error: string,
  pauseMs: number,
  counts: boolean,
): Promise<void> {
  await database.pool.query(
    `UPDATE result SET objects_due_at = now() + $3 * interval '1 millisecond', objects_error = $2, objects_attempts = objects_attempts - $4
      WHERE result_id = $1 AND objects = 'due'`,
    [resultId, error, pauseMs, counts ? 0 : 1],
  );
}

export async function markUnwritable(database: Database, { resultId }: DueObjects, error: string): Promise<void> {
  await database.pool.query(
    "UPDATE result SET objects = 'failed', objects_error = $2 WHERE result_id = $1 AND objects = 'due'",
    [resultId, error],
  );
}

/** Who asks for a study again asks for the report that could not be written, too. */
export async function retryObjects(client: DatabaseClient, resultId: number): Promise<void> {
  await client.query(
    `UPDATE result SET objects = 'due', objects_attempts = 0, objects_due_at = now(), objects_error = NULL
      WHERE result_id = $1 AND objects = 'failed'`,
    [resultId],
  );
}

/** The objects are on disk: from now on they are due to the destinations. @returns the delivery jobs; none when another worker was quicker */
export async function saveObjects(
  database: Database,
  { resultId }: DueObjects,
  objects: readonly StoredObject[],
): Promise<DeliveryJob[]> {
  return database.transaction(async (client) => {
    if (!(await markWritten(client, resultId))) return [];
    await insertObjects(client, resultId, objects);
    await insertDeliveries(client, resultId, objects);
    const destinations = new Set(objects.flatMap((object) => object.destinations));
    return [...destinations].map((destination) => ({ resultId, destination }));
  });
}

async function markWritten(client: DatabaseClient, resultId: number): Promise<boolean> {
  const { rowCount } = await client.query(
    "UPDATE result SET objects = 'written', objects_error = NULL WHERE result_id = $1 AND objects = 'due'",
    [resultId],
  );
  return rowCount === 1;
}
