/**
 * ★ One delivery job: what a result still owes one destination, in one association.
 *
 *   pending → stored      the destination answered Success, a warning, or that it has the instance already
 *   stored  → committed   storage commitment was confirmed (the receiver notes it)
 *   pending → pending     a transient fault: the job runs again after a pause that doubles up to 15 minutes
 *   pending → dead        a permanent fault, or the time to live is over; `ichor redeliver` makes it pending again
 *
 * Each destination has a queue and a consumer of its own, so that a dead one delays no other.
 */

import type { InstanceFile } from '@ichor/dimse/requestor/instanceFile';
import { type StoreOutcome, storeInstances } from '@ichor/dimse/requestor/storeInstances';
import type { Destination } from '@ichor/settings/aeTitles';
import type { Config } from '@ichor/settings/config';
import { backOffMs } from '@ichor/shared/backOff';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import type { DeliveryJob } from '@ichor/store/queue/jobs';
import { wantCommitment } from '@ichor/store/rows/commitment';
import { beginAttempt, type DueObject, markDead, markStored, postpone } from '@ichor/store/rows/delivery';
import type { Incidents } from '@ichor/store/rows/incident';
import { studyDelivered } from '@ichor/store/rows/shownResult';
import type { Log } from '@ichor/telemetry/log';
import { metrics } from '@ichor/telemetry/metrics';
import { askCommitment } from './commitment.ts';
import { openObject } from './openObject.ts';

export type DeliveryContext = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly incidents: Incidents;
};

/** @returns null when nothing is owed any more, else the pause before the next attempt */
export async function runDelivery(
  context: DeliveryContext,
  job: DeliveryJob,
): Promise<{ readonly againInMs: number } | null> {
  const destination = context.config.destinations.find(({ aeTitle }) => aeTitle === job.destination);
  const pauses = [
    await deliver(context, destination, job),
    destination === undefined ? null : await askCommitment(context, destination, job, callerOf(context.config)),
  ].filter((pause) => pause !== null);
  return pauses.length === 0 ? null : { againInMs: Math.min(...pauses) };
}

/** @returns null when everything is stored or dead, else the pause before the next attempt */
async function deliver(
  context: DeliveryContext,
  destination: Destination | undefined,
  job: DeliveryJob,
): Promise<number | null> {
  const due = await beginAttempt(context.database, job);
  if (due.length === 0) return null;
  const hopeless = due.filter(({ unfinished, pendingMs }) => unfinished && pendingMs > context.config.deliveryTtlMs);
  const outcomes =
    destination === undefined
      ? due.map((object) => ({ object, error: unknownDestination(job.destination) }))
      : [
          ...hopeless.map((object) => ({ object, error: endless(job.destination) })),
          ...(await store(
            context,
            destination,
            due.filter((object) => !hopeless.includes(object)),
          )),
        ];
  const left = await settle(context, job, outcomes);
  const stored = outcomes.filter(({ error }) => error === null).map(({ object }) => object.deliveryId);
  if (destination?.commitment === true) await wantCommitment(context.database, stored);
  await studyDelivered(context.database, job.resultId);
  return left.length === 0
    ? null
    : backOffMs(context.config.deliveryBackoffMs, Math.max(...left.map(({ attempts }) => attempts)));
}

type Outcome = { readonly object: DueObject; readonly error: IchorError | null };

async function store(
  { config }: DeliveryContext,
  destination: Destination,
  due: readonly DueObject[],
): Promise<Outcome[]> {
  const files: { object: DueObject; file: InstanceFile }[] = [];
  const broken: Outcome[] = [];
  for (const object of due) {
    const file = await openObject(config, object).catch((error: unknown) => asIchorError(error));
    if (file instanceof IchorError) broken.push({ object, error: file });
    else files.push({ object, file });
  }
  const sent = await storeInstances(
    destination,
    callerOf(config),
    files.map(({ file }) => file),
  ).catch((error: unknown) => asIchorError(error));
  const errorOf = (file: InstanceFile): IchorError | null =>
    sent instanceof IchorError ? sent : (sent.find((outcome: StoreOutcome) => outcome.file === file)?.error ?? null);
  return [...broken, ...files.map(({ object, file }) => ({ object, error: errorOf(file) }))];
}

/** Writes every outcome down. @returns what is tried again */
async function settle(
  { config, database, log, incidents }: DeliveryContext,
  job: DeliveryJob,
  outcomes: readonly Outcome[],
): Promise<DueObject[]> {
  const left: DueObject[] = [];
  for (const { object, error } of outcomes) {
    const facts = { destination: job.destination, sopInstanceUid: object.sopInstanceUid };
    if (error === null) {
      await markStored(database, object);
      metrics.delivery(job.destination, 'stored');
      log.event('delivery.stored', facts);
      continue;
    }
    const expired = object.pendingMs > config.deliveryTtlMs;
    if (error.retryable && !expired) {
      await postpone(database, object, error.message, backOffMs(config.deliveryBackoffMs, object.attempts));
      metrics.delivery(job.destination, 'postponed');
      log.event('delivery.postponed', { ...facts, code: error.code });
      left.push(object);
      continue;
    }
    const final = error.retryable
      ? new IchorError('DELIVERY_EXPIRED', { ...facts, ttlMs: config.deliveryTtlMs, reason: error.message })
      : error;
    await markDead(database, object, final.message);
    metrics.delivery(job.destination, 'dead');
    log.event('delivery.dead', { ...facts, code: final.code });
    incidents.record({ code: final.code, message: final.message, sopInstanceUid: object.sopInstanceUid });
  }
  return left;
}

const callerOf = ({ aeTitle, tls, deliveryTimeoutMs }: Config) => ({
  callingAeTitle: aeTitle,
  tls,
  timeoutMs: deliveryTimeoutMs,
});
/** Its worker died of every attempt: another one would too. */
const endless = (destination: string): IchorError =>
  new IchorError('ASSOCIATION_LOST', { destination, reason: 'no attempt came to an end' });
const unknownDestination = (destination: string): IchorError => new IchorError('DESTINATION_UNKNOWN', { destination });
