/**
 * ★ The index: stored instances → study and series rows → study complete → one triage job.
 *
 * A study's row carries its completion:
 *
 *   open      instances may still come. It becomes complete when the quiet period has passed since the last instance and no
 *             association that sent to it is open, or when it has been open for the maximum age.
 *             It also waits here, without a quiet period, for instances that are known to be missing (docs/adr/0015).
 *   complete  `request` was raised by one and a triage job with that number is due until `analysed_request` reaches it.
 *             A new instance (a new row, not a repeated one) opens the study again.
 *
 * What people see (`state`) follows: `receiving` while open and `queued` once complete, but a study that has a result shows
 * that until the next one replaces it.
 *
 * Nobody waits for the index: a stored instance is noted (notes.ts) and written in batches, round by round. A round
 *   1. notes what the folders of open studies hold that the index does not know, after a restart (recovery.ts),
 *   2. writes what was noted: instances, then losses and the ends of transfers (transfers.ts),
 *   3. renews the sign of life of open associations (associations.ts), and gives up that of ended ones,
 *   4. completes studies; while the spool is scanned after a restart, only those that were looked into,
 *   5. has what is due offered to the queue (triageRequests.ts), without waiting for it.
 * A round that fails because the database is away is repeated until it is back.
 *
 * Whether an association is open is written as a time a little ahead, renewed while it lasts: a killed receiver keeps no
 * study open, and several receivers agree. All times are the database's clock.
 */
import type { Config } from '@ichor/settings/config';
import { reasonOf } from '@ichor/shared/errors';
import type { Spool } from '@ichor/store/files/spool';
import type { Database } from '@ichor/store/postgres/database';
import type { Queues } from '@ichor/store/queue/queues';
import { bringBackStudies, closeStudies, completeStudies, keepStudiesOpen } from '@ichor/store/rows/completion';
import type { Incidents } from '@ichor/store/rows/incident';
import type { StoredInstance } from '@ichor/store/rows/instance';
import type { NotStored } from '@ichor/store/rows/lostInstance';
import type { Log } from '@ichor/telemetry/log';
import { trackAssociations } from './associations.ts';
import { insertInstances } from './insertInstances.ts';
import { keepNotes } from './notes.ts';
import { priorityOf } from './priority.ts';
import { startRecovery } from './recovery.ts';
import { type BrokenOff, startTransferNotes } from './transferNotes.ts';
import { startTriageRequests } from './triageRequests.ts';

export type StudyIndex = {
  associationOpened(associationId: number): void;
  /** Notes a stored instance. Never throws, never waits. */
  record(instance: StoredInstance, associationId: number): void;
  /** Notes an instance that was refused or broke off and may be a CT slice. Never throws, never waits. */
  lost(lost: NotStored, code: string, associationId: number): void;
  /** The spool for CT slices of an association. */
  spoolFor(associationId: number): Spool;
  /** The association is about to be released. */
  associationReleased(associationId: number): void;
  /** @param brokenOff when it ended without a release */
  associationClosed(associationId: number, brokenOff?: BrokenOff | null): void;
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

const ROUND_MS = 200;
const AWAY_ROUND_MS = 1_000;
/** A study stays open this long beyond the last sign of an open association. */
const OPEN_AHEAD_MS = 3_000;
const SIGN_OF_LIFE_EVERY_MS = 500;
/** After the end of an association: long enough for another receiver's sign of life. */
const CLOSE_GRACE_MS = 1_000;

export function startStudyIndex(parts: IndexParts): StudyIndex {
  const { config, log, database, incidents } = parts;
  const associations = trackAssociations();
  const notes = keepNotes(
    (batch) => insertInstances(database, withPriority(batch, config), associations.isOpen, OPEN_AHEAD_MS),
    incidents,
    (instance) => transfers.notIndexed(instance),
  );
  const transfers = startTransferNotes(parts);
  const requests = startTriageRequests(database, parts.queues, log);
  const recovery = startRecovery(parts, notes);
  let [away, closing] = [false, false];
  let signOfLifeAt = 0;
  const ended = new Set<string>();

  async function round(): Promise<void> {
    const found = await recovery.look();
    await notes.write();
    await transfers.write();
    const among = found();
    await writeAssociations();
    if (closing) return;
    const complete = await completeStudies(database, config, among);
    for (const { studyInstanceUid, request } of complete) log.event('study.complete', { studyInstanceUid, request });
    requests.offer(complete.length > 0);
  }

  async function writeAssociations(): Promise<void> {
    for (const studyInstanceUid of associations.takeClosed()) ended.add(studyInstanceUid);
    await closeStudies(database, [...ended], CLOSE_GRACE_MS);
    ended.clear();
    if (performance.now() < signOfLifeAt) return;
    await bringBackStudies(database, OPEN_AHEAD_MS);
    await keepStudiesOpen(database, associations.studies(), OPEN_AHEAD_MS);
    signOfLifeAt = performance.now() + SIGN_OF_LIFE_EVERY_MS;
  }

  async function roundOrAway(): Promise<void> {
    try {
      await round();
      if (away) log.event('index.back', {});
      away = false;
    } catch (error) {
      if (!away) log.event('index.away', { reason: reasonOf(error) });
      away = true;
    }
  }

  let timer: NodeJS.Timeout;
  let running: Promise<void> = Promise.resolve();
  const next = (): void => {
    running = roundOrAway().then(() => {
      if (!closing) timer = setTimeout(next, away ? AWAY_ROUND_MS : ROUND_MS);
    });
  };
  timer = setTimeout(next, 0);

  return {
    associationOpened(associationId) {
      associations.opened(associationId);
      transfers.opened(associationId);
    },
    record(instance, associationId) {
      associations.sent(associationId, instance.studyInstanceUid);
      transfers.sent(associationId, instance);
      if (!notes.note(instance)) recovery.lost();
    },
    lost: (lost, code, associationId) => transfers.lost(associationId, lost, code),
    spoolFor: transfers.spoolFor,
    associationReleased: transfers.released,
    associationClosed(associationId, brokenOff = null) {
      associations.closed(associationId);
      transfers.closed(associationId, brokenOff);
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      await Promise.all([running, recovery.close(), requests.close()]);
      await roundOrAway();
    },
  };
}

const withPriority = (batch: readonly StoredInstance[], { priorityCallers }: IndexParts['config']) =>
  batch.map((instance) => ({ ...instance, priority: priorityOf(instance, priorityCallers) }));
