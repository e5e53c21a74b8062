/** The answer of a PACS to our storage commitment request, into the delivery rows (PS3.4 Annex J). */

import { backOffMs } from '@ichor/shared/backOff';
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { IchorError } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import { metrics } from '@ichor/telemetry/metrics';
import type { Database } from '../postgres/database.ts';
import { markCommitted, markUncommitted, uncommitted } from '../rows/commitment.ts';
import type { Incidents } from '../rows/incident.ts';

/** Before an object is sent again that its destination did not keep. */
const FIRST_PAUSE_MS = 60_000;

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
    const { destination, deliveryId, attempts } = row;
    const { code, message } = new IchorError('COMMITMENT_FAILED', {
      destination,
      sopInstanceUid,
      reason: reason.toString(16).padStart(4, '0').toUpperCase(),
    });
    await markUncommitted(database, deliveryId, message, deliveryTtlMs, backOffMs(FIRST_PAUSE_MS, attempts - 1));
    incidents.record({ code, message, sopInstanceUid });
  }
}
