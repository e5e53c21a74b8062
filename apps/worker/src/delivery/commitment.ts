/**
 * ★ Storage commitment of what was stored (PS3.4 Annex J). The delivery stays `stored` meanwhile; its columns say what is due:
 *
 *   due      → asked      the destination accepted the request (N-ACTION, status 0)
 *   due      → due        refused, or no association: reported, and asked again after a pause that doubles up to 15 minutes
 *   due      → none       the destination does not offer it; or it refused until the time to live was over
 *   asked    → committed  reported, on the same association or on one of its own (shared: recordCommitment)
 *   asked    → pending    reported as failed: the object is sent again
 *   asked    → none       no report within the time to live: reported once; a later report still counts
 */

import { deriveUid } from '@ichor/dicom/uid';
import { type CommitmentAnswer, requestCommitment } from '@ichor/dimse/requestor/commitment';
import type { Caller } from '@ichor/dimse/requestor/peer';
import { statusText } from '@ichor/dimse/statuses';
import type { Destination } from '@ichor/settings/aeTitles';
import type { Config } from '@ichor/settings/config';
import { backOffMs } from '@ichor/shared/backOff';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import { recordCommitment } from '@ichor/store/outbox/commitment';
import type { Database } from '@ichor/store/postgres/database';
import type { DeliveryJob } from '@ichor/store/queue/jobs';
import {
  beginCommitment,
  commitmentAccepted,
  dueCommitments,
  endCommitment,
  postponeCommitment,
  takeUnanswered,
  type UncommittedObject,
} from '@ichor/store/rows/commitment';
import type { Incidents } from '@ichor/store/rows/incident';
import type { Log } from '@ichor/telemetry/log';

export type CommitmentContext = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly incidents: Incidents;
};

/** @returns null when nothing is to be asked any more, else the pause before the next request */
export async function askCommitment(
  context: CommitmentContext,
  destination: Destination,
  job: DeliveryJob,
  caller: Caller,
): Promise<number | null> {
  const due = await dueCommitments(context.database, job);
  if (due.length === 0) return null;
  if (!destination.commitment) return ended(context, due, null);
  const transactionUid = deriveUid('storage commitment', String(job.resultId), job.destination, String(Date.now()));
  await beginCommitment(context.database, idsOf(due), transactionUid);
  const answer = await ask(context, destination, caller, { transactionUid, instances: due });
  if (answer instanceof IchorError) return refused(context, job, due, answer);
  if (answer.kind === 'not-offered') return ended(context, due, null);
  await commitmentAccepted(context.database, idsOf(due));
  return null;
}

async function ask(
  { config, database, log, incidents }: CommitmentContext,
  destination: Destination,
  caller: Caller,
  request: { readonly transactionUid: string; readonly instances: readonly UncommittedObject[] },
): Promise<Exclude<CommitmentAnswer, { kind: 'refused' }> | IchorError> {
  const onReport = (report: Parameters<typeof recordCommitment>[1]): Promise<void> =>
    recordCommitment(database, report, log, incidents, config.deliveryTtlMs);
  const answer = await requestCommitment(destination, caller, request, onReport).catch(asIchorError);
  if (answer instanceof IchorError || answer.kind !== 'refused') return answer;
  return new IchorError('COMMITMENT_REFUSED', { destination: destination.aeTitle, status: statusText(answer.status) });
}

async function refused(
  { config, database, log, incidents }: CommitmentContext,
  { destination }: DeliveryJob,
  due: readonly UncommittedObject[],
  { code, message }: IchorError,
): Promise<number | null> {
  log.event('delivery.commitment-postponed', { destination, code });
  incidents.record({ code, message });
  const expired = due.filter(({ storedMs }) => storedMs > config.deliveryTtlMs);
  const again = due.filter((object) => !expired.includes(object));
  await endCommitment(database, idsOf(expired), message);
  if (again.length === 0) return null;
  const againInMs = backOffMs(config.deliveryBackoffMs, Math.max(...again.map(({ attempts }) => attempts)));
  await postponeCommitment(database, idsOf(again), message, againInMs);
  return againInMs;
}

async function ended(
  { database }: CommitmentContext,
  due: readonly UncommittedObject[],
  error: string | null,
): Promise<null> {
  await endCommitment(database, idsOf(due), error);
  return null;
}

/** Destinations that promised a report and never gave one within the time to live. */
export async function recordUnanswered({ config, database, incidents }: CommitmentContext): Promise<void> {
  for (const { destination, sopInstanceUid, deliveryId } of await takeUnanswered(database, config.deliveryTtlMs)) {
    const { code, message } = new IchorError('COMMITMENT_UNANSWERED', { destination, ttlMs: config.deliveryTtlMs });
    await endCommitment(database, [deliveryId], message);
    incidents.record({ code, message, sopInstanceUid });
  }
}

const idsOf = (objects: readonly UncommittedObject[]): number[] => objects.map(({ deliveryId }) => deliveryId);
