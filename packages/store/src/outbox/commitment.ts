/** The answer of a PACS to our storage commitment request, into the delivery rows (PS3.4 Annex J). */

import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { IchorError } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import { metrics } from '@ichor/telemetry/metrics';
import type { Database } from '../postgres/database.ts';
import type { Incidents } from '../rows/incident.ts';

/**
 * Committed instances are final; a failed one becomes pending again, after a pause that doubles up to 15 minutes, and dead
 * once its time to live is over: a PACS that always says no is not asked for ever.
 * @throws IchorError DATABASE_UNAVAILABLE: the PACS is told to report again
 */
export async function recordCommitment(
  database: Database,
  report: CommitmentReport,
  log: Log,
  incidents: Incidents,
  deliveryTtlMs: number,
): Promise<void> {
  const committed = await markCommitted(database, report);
  for (const { destination, sopInstanceUid } of committed) {
    metrics.delivery(destination, 'committed');
    log.event('delivery.committed', { destination, sopInstanceUid });
  }
  for (const { sopInstanceUid, reason } of report.failed) {
    const row = await uncommitted(database, report.transactionUid, sopInstanceUid);
    if (row === null) continue;
    const { destination, deliveryId } = row;
    const { code, message } = new IchorError('COMMITMENT_FAILED', {
      destination,
      sopInstanceUid,
      reason: reason.toString(16).padStart(4, '0').toUpperCase(),
    });
    await markUncommitted(database, deliveryId, message, deliveryTtlMs);
    incidents.record({ code, message, sopInstanceUid });
  }
}

async function markCommitted(
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

async function uncommitted(
  database: Database,
  transactionUid: string,
  sopInstanceUid: string,
): Promise<{ deliveryId: number; destination: string } | null> {
  const { rows } = await database.pool.query(
    "SELECT delivery_id, destination FROM delivery WHERE transaction_uid = $1 AND sop_instance_uid = $2 AND state = 'stored'",
    [transactionUid, sopInstanceUid],
  );
  return rows[0] === undefined ? null : { deliveryId: Number(rows[0].delivery_id), destination: rows[0].destination };
}

async function markUncommitted(database: Database, deliveryId: number, error: string, ttlMs: number): Promise<void> {
  await database.pool.query(
    `UPDATE delivery SET error = $2, transaction_uid = NULL, commitment_due_at = NULL, commitment_asked_at = NULL,
            state = CASE WHEN pending_since < now() - $3 * interval '1 millisecond' THEN 'dead' ELSE 'pending' END,
            next_attempt_at = now() + least(interval '15 minutes', interval '1 minute' * 2 ^ least(attempts - 1, 10))
      WHERE delivery_id = $1 AND state = 'stored'`,
    [deliveryId, error, ttlMs],
  );
}
