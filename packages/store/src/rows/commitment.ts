/** What storage commitment is still asked for: the statements of one state machine, told above {@link askCommitment}. */
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
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

/** Objects that the destination reports as kept. */
export async function markCommitted(
  database: Database,
  { transactionUid, succeeded }: CommitmentReport,
): Promise<{ destination: string; sopInstanceUid: string }[]> {
  const { rows } = await database.pool.query(
    `UPDATE delivery SET state = 'committed', committed_at = now(), error = NULL, commitment_due_at = NULL, commitment_asked_at = NULL
      WHERE transaction_uid = $1 AND sop_instance_uid = ANY($2) AND state = 'stored' RETURNING destination, sop_instance_uid`,
    [transactionUid, succeeded],
  );
  return rows.map((row) => ({ destination: row.destination, sopInstanceUid: row.sop_instance_uid }));
}

/** A stored object that the destination reports as not kept. */
export async function uncommitted(
  database: Database,
  transactionUid: string,
  sopInstanceUid: string,
): Promise<{ deliveryId: number; destination: string; attempts: number } | null> {
  const { rows } = await database.pool.query(
    "SELECT delivery_id, destination, attempts FROM delivery WHERE transaction_uid = $1 AND sop_instance_uid = $2 AND state = 'stored'",
    [transactionUid, sopInstanceUid],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { deliveryId: Number(row.delivery_id), destination: row.destination, attempts: row.attempts };
}

/** To be sent again after a pause; dead once its time to live is over. */
export async function markUncommitted(
  database: Database,
  deliveryId: number,
  error: string,
  ttlMs: number,
  pauseMs: number,
): Promise<void> {
  await database.pool.query(
    `UPDATE delivery SET error = $2, transaction_uid = NULL, commitment_due_at = NULL, commitment_asked_at = NULL,
            state = CASE WHEN pending_since < now() - $3 * interval '1 millisecond' THEN 'dead' ELSE 'pending' END,
            next_attempt_at = now() + $4 * interval '1 millisecond'
      WHERE delivery_id = $1 AND state = 'stored'`,
    [deliveryId, error, ttlMs, pauseMs],
  );
}
