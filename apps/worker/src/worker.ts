/** ★ The worker role: what it stands on, what it consumes, and how it stops. */
import { join } from 'node:path';
import type { Config, Log } from '@ichor/shared';
import {
  DeliveryJob,
  deliveryQueue,
  openDatabase,
  openIncidents,
  openQueues,
  openSpool,
  TRIAGE_QUEUE,
  TriageJob,
} from '@ichor/shared';
import { reconcileDeliveries } from './delivery/reconcile.ts';
import { runDelivery } from './delivery/runDelivery.ts';
import { startInference } from './inference/inference.ts';
import { triageStudy } from './triageStudy.ts';

/** Attempts at an analysis that times out or crashes: the first and one more. */
export const TRIAGE_ATTEMPTS = 2;
const RECONCILE_EVERY_MS = 60_000;

export type Role = { close(): Promise<void> };

/** Starts triage and delivery as configured. @throws IchorError BUNDLE_INVALID, DATABASE_…, QUEUE_UNAVAILABLE */
export async function startWorkerRole(config: Config, log: Log): Promise<Role> {
  const database = await openDatabase(config, log);
  const queues = await openQueues(config, database);
  const closers: (() => Promise<void>)[] = [];
  if (config.workerQueues.includes('triage')) closers.push(await startTriage(config, log, database, queues));
  if (config.workerQueues.includes('delivery')) closers.push(await startDelivery(config, log, database, queues));
  return {
    async close() {
      for (const close of closers.reverse()) await close();
      await queues.close();
      await database.close();
    },
  };
}
