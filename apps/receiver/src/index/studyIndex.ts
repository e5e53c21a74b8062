/**
 * ★ The index: stored instances → study and series rows → study complete → one triage job.
 *
 * A study's row carries its completion:
 *
 *   open      instances may still come. It becomes complete when the quiet period has passed since the last instance and no
 *             association that sent to it is open, or when it has been open for the maximum age.
 *   complete  `request` was raised by one and a triage job with that number is due until `analysed_request` reaches it.
 *             A new instance (a new row, not a repeated one) opens the study again.
 *
 * Nobody waits for the index: a stored instance is noted here and written in batches. While the database is away the notes
 * wait in memory; if they become too many they are dropped, and the spool is scanned once the database is back. Whether an
 * association is open is written as a time a little ahead, renewed while it lasts: a killed receiver keeps no study open.
 * All times are the database's clock.
 */
import type { Config, Database, Incidents, Log, Queues, Spool } from '@ichor/shared';
import { reasonOf, TRIAGE_QUEUE, type TriageJob, triageJobId } from '@ichor/shared';
import type { StoredInstance } from '../types.ts';
import { priorityOf } from './priority.ts';
import { findUnindexed } from './recovery.ts';
import { closeStudies, completeStudies, dueStudies, insertInstances, keepStudiesOpen } from './rows.ts';

export type StudyIndex = {
  /** Notes a stored instance. Never throws, never waits. */
  record(instance: StoredInstance, associationId: number): void;
  associationClosed(associationId: number): void;
  close(): Promise<void>;
};

export type IndexParts = {
  readonly config: Pick<Config, 'quietPeriodMs' | 'maxAgeMs' | 'priorityCallers'>;
  readonly log: Log;
  readonly database: Database;
  readonly queues: Queues;
  readonly spool: Spool;
  readonly incidents: Incidents;
};

const TICK_MS = 200;
/** A study stays open this long beyond the last sign of an open association. */
const OPEN_AHEAD_MS = 3_000;
const RECONCILE_EVERY_MS = 15_000;
const BATCH = 200;
/** Notes that may wait in memory while the database is away. */
const MOST_WAITING = 50_000;

export function startStudyIndex(parts: IndexParts): StudyIndex {
  const { log, spool, database, incidents } = parts;
  let waiting: StoredInstance[] = [];
  const open = new Map<number, Set<string>>();
  let justClosed: string[] = [];
  let [away, mustScan, closing] = [false, true, false];
  let reconciledAt = Number.NEGATIVE_INFINITY;

  const isOpen = (studyInstanceUid: string): boolean =>
    [...open.values()].some((studies) => studies.has(studyInstanceUid));

  /** One round: what arrived, what is still being sent, what became complete, what is due. */
  async function tick(): Promise<void> {
    if (mustScan) await rescan();
    await flush();
    await keepStudiesOpen(database, [...new Set([...open.values()].flatMap((studies) => [...studies]))], OPEN_AHEAD_MS);
    const closed = justClosed.filter((study) => !isOpen(study));
    justClosed = [];
    await closeStudies(database, closed).catch((error) => {
      justClosed.push(...closed);
      throw error;
    });
    if (closing) return;
    const complete = await completeStudies(database, parts.config);
    for (const study of complete)
      log.event('study.complete', { studyInstanceUid: study.studyInstanceUid, request: study.request });
    await enqueue(parts.queues, complete);
    if (performance.now() - reconciledAt > RECONCILE_EVERY_MS) {
      await enqueue(parts.queues, await dueStudies(database));
      reconciledAt = performance.now();
    }
  }

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      const rows = batch.map((instance) => ({
        ...instance,
        priority: priorityOf(instance, parts.config.priorityCallers),
      }));
      await insertInstances(database, rows, isOpen, OPEN_AHEAD_MS);
      waiting.splice(0, batch.length);
    }
  }

  /** Everything in the spool that the index does not know, as after a restart, a kill or an outage. */
  async function rescan(): Promise<void> {
    let found = 0;
    for await (const instance of findUnindexed(database, spool, incidents)) {
      waiting.push(instance);
      found++;
      if (waiting.length >= BATCH) await flush();
    }
    mustScan = false;
    if (found > 0) log.event('index.recovered', { instances: found });
  }

  async function round(): Promise<void> {
    try {
      await tick();
      if (away) log.event('index.back', {});
      away = false;
    } catch (error) {
      if (!away) log.event('index.away', { reason: reasonOf(error) });
      away = true;
      reconciledAt = Number.NEGATIVE_INFINITY;
    }
  }

  let timer: NodeJS.Timeout;
  let running: Promise<void> = Promise.resolve();
  const next = (): void => {
    running = round();
    void running.then(() => {
      if (!closing) timer = setTimeout(next, away ? 5 * TICK_MS : TICK_MS);
    });
  };
  timer = setTimeout(next, 0);

  return {
    record(instance, associationId) {
      const studies = open.get(associationId) ?? new Set<string>();
      open.set(associationId, studies.add(instance.studyInstanceUid));
      if (waiting.length < MOST_WAITING) waiting.push(instance);
      else [waiting, mustScan] = [[], true];
    },
    associationClosed(associationId) {
      justClosed.push(...(open.get(associationId) ?? []));
      open.delete(associationId);
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      await running;
      await round();
    },
  };
}

type Due = TriageJob & { readonly priority: number };

/** Adding again what waits or runs changes nothing; a queue that is away is caught by the next reconciliation. */
async function enqueue(queues: Queues, due: readonly Due[]): Promise<void> {
  for (const { studyInstanceUid, request, priority } of due) {
    const job = { studyInstanceUid, request };
    await queues.add(TRIAGE_QUEUE, job, { jobId: triageJobId(job), priority });
  }
}
