/** What storage commitment is still asked for: the statements of one state machine, told above {@link askCommitment}. */
import type { Database } from '../postgres/database.ts';
import type { DeliveryJob } from '../queue/jobs.ts';

/** A stored object that the destination has not been asked to commit, or has not agreed to. */
export type UncommittedObject = {
  readonly deliveryId: number;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** Requests before this one. */
  readonly attempts: number;
  /** Since it was stored. */
  readonly storedMs: number;
};

/** Objects just stored are to be committed. */
export async function wantCommitment(database: Database, deliveryIds: readonly number[]): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET commitment_due_at = now(), commitment_attempts = 0, commitment_asked_at = NULL WHERE delivery_id = ANY($1) AND state = 'stored'",
    [deliveryIds],
  );
}

export async function dueCommitments(
  database: Database,
  { resultId, destination }: DeliveryJob,
): Promise<UncommittedObject[]> {
  const { rows } = await database.pool.query(
    `SELECT d.delivery_id, d.sop_instance_uid, o.sop_class_uid, d.commitment_attempts, extract(epoch FROM now() - d.stored_at) * 1000 AS stored_ms
       FROM delivery d JOIN derived_object o USING (sop_instance_uid)
      WHERE d.result_id = $1 AND d.destination = $2 AND d.state = 'stored' AND d.commitment_due_at <= now() ORDER BY d.delivery_id`,
    [resultId, destination],
  );
  return rows.map((row) => ({
    deliveryId: Number(row.delivery_id),
    sopInstanceUid: row.sop_instance_uid,
    sopClassUid: row.sop_class_uid,
    attempts: row.commitment_attempts,
    storedMs: Number(row.stored_ms),
  }));
}

/** Before the request goes out, so that an answer that comes at once finds its rows. */
export async function beginCommitment(
  database: Database,
  deliveryIds: readonly number[],
  transactionUid: string,
): Promise<void> {
  await database.pool.query(
    'UPDATE delivery SET transaction_uid = $2, commitment_attempts = commitment_attempts + 1 WHERE delivery_id = ANY($1)',
    [deliveryIds, transactionUid],
  );
}

/** The destination will report. */
export async function commitmentAccepted(database: Database, deliveryIds: readonly number[]): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET commitment_due_at = NULL, commitment_asked_at = now(), error = NULL WHERE delivery_id = ANY($1) AND state = 'stored'",
    [deliveryIds],
  );
}

export async function postponeCommitment(
  database: Database,
  deliveryIds: readonly number[],
  error: string,
  pauseMs: number,
): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET error = $2, commitment_due_at = now() + $3 * interval '1 millisecond' WHERE delivery_id = ANY($1) AND state = 'stored'",
    [deliveryIds, error, pauseMs],
  );
}

/** Not asked any more; the objects stay `stored`. A report that comes all the same is heard. */
export async function endCommitment(
  database: Database,
  deliveryIds: readonly number[],
  error: string | null,
): Promise<void> {
  await database.pool.query(
    "UPDATE delivery SET commitment_due_at = NULL, error = $2 WHERE delivery_id = ANY($1) AND state = 'stored'",
    [deliveryIds, error],
  );
}

/** Accepted requests without any report for this long; each is returned once. */
export async function takeUnanswered(
  database: Database,
  longestMs: number,
): Promise<{ destination: string; sopInstanceUid: string; deliveryId: number }[]> {
  const { rows } = await database.pool.query(
    `UPDATE delivery SET commitment_asked_at = NULL
      WHERE commitment_asked_at < now() - $1 * interval '1 millisecond' AND state = 'stored'
  RETURNING destination, sop_instance_uid, delivery_id`,
    [longestMs],
  );
  return rows.map((row) => ({
    destination: row.destination,
    sopInstanceUid: row.sop_instance_uid,
    deliveryId: Number(row.delivery_id),
  }));
}
