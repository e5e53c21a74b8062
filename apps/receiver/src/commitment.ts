/** The answer of a PACS to our storage commitment request, into the delivery rows (PS3.4 Annex J). */
import type { Database, Incidents, Log } from '@ichor/shared';
import { IchorError, metrics } from '@ichor/shared';
import type { CommitmentReport } from './types.ts';

/**
 * Committed instances are final; a failed one becomes pending again, so that it is sent once more within its time to live.
 * @throws IchorError DATABASE_UNAVAILABLE: the PACS is told to report again
 */
export async function recordCommitment(
  database: Database,
  report: CommitmentReport,
  log: Log,
  incidents: Incidents,
): Promise<void> {
  const committed = await markCommitted(database, report);
  for (const { destination, sopInstanceUid } of committed) {
    metrics.delivery(destination, 'committed');
    log.event('delivery.committed', { destination, sopInstanceUid });
  }
  for (const { sopInstanceUid, reason } of report.failed) {
    const destination = await markUncommitted(database, report.transactionUid, sopInstanceUid);
    if (destination === null) continue;
    const { code, message } = new IchorError('COMMITMENT_FAILED', {
      destination,
      sopInstanceUid,
      reason: reason.toString(16).padStart(4, '0'),
    });
    incidents.record({ code, message, sopInstanceUid });
  }
}

async function markCommitted(
  database: Database,
  { transactionUid, succeeded }: CommitmentReport,
): Promise<{ destination: string; sopInstanceUid: string }[]> {
  const { rows } = await database.pool.query(
    `UPDATE delivery SET state = 'committed', committed_at = now(), error = NULL
      WHERE transaction_uid = $1 AND sop_instance_uid = ANY($2) AND state = 'stored' RETURNING destination, sop_instance_uid`,
    [transactionUid, succeeded],
  );
  return rows.map((row) => ({ destination: row.destination, sopInstanceUid: row.sop_instance_uid }));
}

async function markUncommitted(
  database: Database,
  transactionUid: string,
  sopInstanceUid: string,
): Promise<string | null> {
  const { rows } = await database.pool.query(
    `UPDATE delivery SET state = 'pending', next_attempt_at = now() + interval '1 minute', error = 'storage commitment failed', transaction_uid = NULL
      WHERE transaction_uid = $1 AND sop_instance_uid = $2 AND state = 'stored' RETURNING destination`,
    [transactionUid, sopInstanceUid],
  );
  return rows[0]?.destination ?? null;
}
