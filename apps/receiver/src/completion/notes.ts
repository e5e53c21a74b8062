/**
 * Stored instances on their way into the index: noted at once, written in batches.
 *
 * While the database is away notes wait in memory. Should they become too many they are dropped, and the caller learns that
 * only the spool knows them. A row that PostgreSQL refuses is told apart from its batch and becomes an incident, and the
 * caller learns that the analysis will miss it: it delays nobody else.
 */

import { reasonOf } from '@ichor/shared/errors';
import type { Incidents } from '@ichor/store/rows/incident';
import type { StoredInstance } from '@ichor/store/rows/instance';

export type Notes = {
  /** @returns whether it was noted; otherwise nothing noted so far is left, and the spool must be scanned */
  note(instance: StoredInstance): boolean;
  waiting(): number;
  /** How many were noted so far, and how many of those wait no longer. */
  noted(): number;
  settled(): number;
  /** Writes all that wait. @throws IchorError DATABASE_UNAVAILABLE; what was not written waits on */
  write(): Promise<void>;
};

const BATCH = 200;
const MOST_WAITING = 50_000;

export function keepNotes(
  insert: (batch: readonly StoredInstance[]) => Promise<void>,
  incidents: Incidents,
  refused: (instance: StoredInstance) => void = () => {},
): Notes {
  let notes: StoredInstance[] = [];
  let noted = 0;

  async function writeBatch(batch: readonly StoredInstance[]): Promise<void> {
    try {
      await insert(batch);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (batch.length === 1) {
        recordRefusal(incidents, batch[0]!, error);
        return refused(batch[0]!);
      }
      const half = Math.ceil(batch.length / 2);
      await writeBatch(batch.slice(0, half));
      await writeBatch(batch.slice(half));
    }
  }

  return {
    note(instance) {
      const fits = notes.length < MOST_WAITING;
      if (fits) notes.push(instance);
      else notes = [];
      if (fits) noted++;
      return fits;
    },
    waiting: () => notes.length,
    noted: () => noted,
    settled: () => noted - notes.length,
    async write() {
      while (notes.length > 0) {
        const from = notes;
        const batch = from.slice(0, BATCH);
        await writeBatch(batch);
        from.splice(0, batch.length);
      }
    },
  };
}

/** SQLSTATE classes 22 (data exception), 23 (integrity), 54 (limit exceeded): trying again would not help. */
const isRefusal = (error: unknown): boolean => /^(22|23|54)/.test(String((error as { code?: unknown }).code ?? ''));

function recordRefusal(incidents: Incidents, instance: StoredInstance, error: unknown): void {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, callingAeTitle } = instance;
  const message = `The instance is in the spool, but its index row was refused: ${reasonOf(error)}.`;
  incidents.record({ code: 'INTERNAL', message, studyInstanceUid, seriesInstanceUid, sopInstanceUid, callingAeTitle });
}
