/** ★ The worker role: what it stands on, what it consumes, and how it stops. */

import { startInference } from '@ichor/analysis/inference/inference';
import type { Config } from '@ichor/settings/config';
import { asIchorError, reasonOf } from '@ichor/shared/errors';
import { openSpool } from '@ichor/store/files/spool';
import { guardSpool } from '@ichor/store/files/spoolIdentity';
import { enqueueDue } from '@ichor/store/outbox/redeliver';
import type { Database } from '@ichor/store/postgres/database';
import { openDatabase } from '@ichor/store/postgres/database';
import { DeliveryJob, deliveryQueue, TRIAGE_QUEUE, TriageJob } from '@ichor/store/queue/jobs';
import type { Handler, Queues } from '@ichor/store/queue/queues';
import { openQueues } from '@ichor/store/queue/queues';
import { dueJobs } from '@ichor/store/rows/delivery';
import type { Incidents } from '@ichor/store/rows/incident';
import { openIncidents } from '@ichor/store/rows/incident';
import type { Log } from '@ichor/telemetry/log';
import { recordUnanswered } from './delivery/commitment.ts';
import { runDelivery } from './delivery/runDelivery.ts';
import { kindOf, pauseMs } from './faults.ts';
import { startNotification } from './notification/runNotification.ts';
import { writeDueObjects } from './objects/writeDueObjects.ts';
import { runWhile } from './runWhile.ts';
import { type TriageContext, triageStudy } from './triageStudy.ts';

const RECONCILE_EVERY_MS = 15_000;
const OBJECTS_EVERY_MS = 5_000;

type WorkerParts = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly queues: Queues;
  readonly incidents: Incidents;
  /** @throws IchorError SPOOL_FOREIGN, FILE_UNREADABLE */
  readonly checkSpool: () => Promise<void>;
};
type Close = () => Promise<void>;

/**
 * Starts triage, delivery and notification as configured (ICHOR_WORKER_QUEUES).
 * @throws IchorError BUNDLE_INVALID, CONFIG_INVALID, DATABASE_UNAVAILABLE, …
 */
export async function startWorkerRole(config: Config, log: Log): Promise<{ close(): Promise<void> }> {
  const database = await openDatabase(config, log);
  const queues = await openQueues(config, database, log);
  const incidents = openIncidents(database, log, config);
  const guard = await guardSpool({ settings: config, database, log, incidents, mayBegin: false });
  const parts = { config, log, database, queues, incidents, checkSpool: guard.check };
  const closers: Close[] = [() => database.close(), () => queues.close(), () => incidents.close(), () => guard.close()];
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  try {
    if (config.workerQueues.includes('triage')) closers.push(await startTriage(parts));
    if (config.workerQueues.includes('delivery')) closers.push(runWhile(parts.checkSpool, () => startDelivery(parts)));
    if (config.workerQueues.includes('notification')) closers.push(startNotification(parts));
    log.event('role.started', { queues: config.workerQueues });
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One study at a time: the inference process uses the machine's cores by itself. */
async function startTriage(parts: WorkerParts): Promise<Close> {
  const { config, log, queues, incidents } = parts;
  const spool = await openSpool(config, 0, parts.checkSpool);
  const inference = await startInference(config, log);
  const context = { ...parts, spool, inference, recordIncident: incidents.record };
  const stop = runWhile(parts.checkSpool, () => {
    const consumer = queues.consume(TRIAGE_QUEUE, triageConsumer(context, parts.checkSpool));
    const stopObjects = keepWritingObjects(context);
    return async () => {
      await Promise.all([consumer.close(), stopObjects()]);
    };
  });
  return async () => {
    await stop();
    await inference.close();
  };
}

/** Attempts are counted in the database; one that ended for want of the database itself, or of the like, is begun again uncounted. */
function triageConsumer(context: TriageContext, checkSpool: WorkerParts['checkSpool']): Handler {
  const uncounted = new Set<string>();
  return async (payload, { jobId, attempt }) => {
    const job = TriageJob.parse(payload);
    try {
      await checkSpool();
      await triageStudy(context, job, !uncounted.has(jobId));
      uncounted.delete(jobId);
      return null;
    } catch (thrown) {
      const error = asIchorError(thrown);
      if (['infrastructure', 'storage'].includes(kindOf(error))) uncounted.add(jobId);
      else uncounted.delete(jobId);
      const { studyInstanceUid } = job;
      context.log.event('triage.retry', { studyInstanceUid, code: error.code, reason: error.message });
      return { againInMs: pauseMs(attempt) };
    }
  };
}

/** Looks for results whose objects are due: another worker's, or what a disk did not take. @returns what stops it */
function keepWritingObjects(context: TriageContext): Close {
  let closing = false;
  let writing: Promise<void> | null = null;
  const look = (): void => {
    writing ??= writeDueObjects(context, () => closing).finally(() => {
      writing = null;
    });
  };
  look();
  const timer = setInterval(look, OBJECTS_EVERY_MS);
  return async () => {
    closing = true;
    clearInterval(timer);
    await writing;
  };
}

/** Nobody consumes the queue of a destination that is not configured any more: its deliveries are given up here. */
async function buryRemoved(parts: WorkerParts): Promise<void> {
  const configured = new Set(parts.config.destinations.map(({ aeTitle }) => aeTitle));
  const due = await dueJobs(parts.database);
  for (const job of due.filter(({ destination }) => !configured.has(destination))) await runDelivery(parts, job);
}

/** A queue and a consumer for each destination, and a look for rows that have no job. */
function startDelivery(parts: WorkerParts): Close {
  const { config, database, queues, log } = parts;
  const consumers = config.destinations.map(({ aeTitle }) =>
    queues.consume(deliveryQueue(aeTitle), (payload) => runDelivery(parts, DeliveryJob.parse(payload))),
  );
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = enqueueDue(database, queues)
      .then(() => buryRemoved(parts))
      .then(() => recordUnanswered(parts))
      .catch((error: unknown) => log.event('queue.lost', { reason: reasonOf(error) }));
  };
  look();
  const timer = setInterval(look, RECONCILE_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await looking;
    await Promise.all(consumers.map((consumer) => consumer.close()));
  };
}
