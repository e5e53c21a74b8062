/**
 * Due studies → triage jobs.
 *
 * What is due stands in the study rows; the queue only carries it. Adding what waits or runs changes nothing, so everything
 * due is offered again from time to time: a job that a queue has lost (flushed, killed, restored from yesterday) comes back.
 */

import { reasonOf } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import { TRIAGE_QUEUE, triageJobId } from '@ichor/store/queue/jobs';
import type { Queues } from '@ichor/store/queue/queues';
import { type DueStudy, dueStudies } from '@ichor/store/rows/completion';
import type { Log } from '@ichor/telemetry/log';

export type TriageRequests = {
  /** Offers what is due, if something became due or it is time to offer everything again. Never throws, never waits. */
  offer(somethingNew: boolean): void;
  /** Waits for the offer under way. */
  close(): Promise<void>;
};

const OFFER_AGAIN_AFTER_MS = 15_000;
const RETRY_AFTER_MS = 1_000;

export function startTriageRequests(database: Database, queues: Queues, log: Log): TriageRequests {
  const offered = new Set<string>();
  let offering: Promise<void> | null = null;
  let [wanted, away] = [true, false];
  let [againAt, retryAt] = [0, 0];

  async function offerDue(): Promise<void> {
    if (performance.now() >= againAt) {
      offered.clear();
      againAt = performance.now() + OFFER_AGAIN_AFTER_MS;
    }
    for (const study of await dueStudies(database)) {
      if (offered.has(triageJobId(study))) continue;
      await add(queues, study);
      offered.add(triageJobId(study));
    }
  }

  function failed(error: unknown): void {
    if (!away) log.event('queue.lost', { reason: reasonOf(error) });
    [wanted, away] = [true, true];
    [againAt, retryAt] = [0, performance.now() + RETRY_AFTER_MS];
  }

  return {
    offer(somethingNew) {
      const now = performance.now();
      wanted ||= somethingNew || now >= againAt;
      if (!wanted || offering !== null || now < retryAt) return;
      wanted = false;
      const done = (): void => {
        away = false;
      };
      offering = offerDue()
        .then(done, failed)
        .finally(() => {
          offering = null;
        });
    },
    async close() {
      await offering;
    },
  };
}

async function add(queues: Queues, { studyInstanceUid, request, priority }: DueStudy): Promise<void> {
  const job = { studyInstanceUid, request };
  await queues.add(TRIAGE_QUEUE, job, { jobId: triageJobId(job), priority });
}
