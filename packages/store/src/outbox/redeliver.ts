/** Dead deliveries once more, and jobs for whatever is due without one. */
import type { Database } from '../postgres/database.ts';
import { deliveryJobId, deliveryQueue } from '../queue/jobs.ts';
import type { Queues } from '../queue/queues.ts';
import { bringBackDeliveries, checkKnown, dueJobs, revive } from '../rows/delivery.ts';

export type Redelivery = { readonly studyInstanceUid: string | null; readonly destination: string | null };

/** Makes dead deliveries pending again, of one study, of one destination, or all. @returns how many. @throws IchorError STUDY_UNKNOWN, INPUT_UNUSABLE */
export async function redeliver(database: Database, queues: Queues, chosen: Redelivery): Promise<number> {
  await checkKnown(database, chosen);
  const count = await revive(database, chosen);
  await enqueueDue(database, queues);
  return count;
}

/** A job for every row that is due; a job that exists already stays the one. @throws IchorError QUEUE_UNAVAILABLE, DATABASE_UNAVAILABLE */
export async function enqueueDue(database: Database, queues: Queues): Promise<void> {
  await bringBackDeliveries(database);
  for (const job of await dueJobs(database))
    await queues.add(deliveryQueue(job.destination), job, { jobId: deliveryJobId(job) });
}
