/** Jobs for the rows of the outbox that are due. */

import type { Database } from '../postgres/database.ts';
import { notificationJobId, notificationQueue } from '../queue/jobs.ts';
import type { Queues } from '../queue/queues.ts';
import { dueNotifications } from '../rows/notification.ts';

/** A job for every row that is due. @throws IchorError QUEUE_UNAVAILABLE, DATABASE_UNAVAILABLE */
export async function enqueueNotifications(database: Database, queues: Queues): Promise<void> {
  for (const due of await dueNotifications(database))
    await queues.add(notificationQueue(due), { notificationId: due.notificationId }, { jobId: notificationJobId(due) });
}
