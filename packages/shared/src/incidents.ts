/** What an operator must be able to find: logged at once, and kept in the database as soon as that answers. */
import type { Database } from './database.ts';
import { reasonOf } from './errors.ts';
import type { Log } from './log.ts';

export type Incident = {
  readonly code: string;
  readonly message: string;
  readonly studyInstanceUid?: string | null;
  readonly seriesInstanceUid?: string | null;
  readonly sopInstanceUid?: string | null;
  readonly callingAeTitle?: string | null;
};

export type Incidents = {
  /** Never throws and never waits. */
  record(incident: Incident): void;
  close(): Promise<void>;
};

/** While the database is away this many wait in memory; more are in the log only. */
const MOST_WAITING = 10_000;
const RETRY_MS = 2_000;

export function openIncidents(database: Database, log: Log): Incidents {
  const waiting: Incident[] = [];
  let writing: Promise<void> | null = null;
  let closed = false;
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, 100);
      try {
        await insert(database, batch);
        waiting.splice(0, batch.length);
      } catch (error) {
        if (closed) return;
        log.event('database.lost', { reason: reasonOf(error) });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  };
  return {
    record(incident) {
      log.event('incident', { ...incident });
      if (waiting.length < MOST_WAITING) waiting.push(incident);
      writing ??= write().finally(() => {
        writing = null;
      });
    },
    async close() {
      closed = true;
      await writing;
    },
  };
}

async function insert(database: Database, incidents: readonly Incident[]): Promise<void> {
  const column = (pick: (incident: Incident) => string | null | undefined) =>
    incidents.map((incident) => pick(incident) ?? null);
  await database.pool.query(
    `INSERT INTO incident (code, message, study_instance_uid, series_instance_uid, sop_instance_uid, calling_ae_title)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])`,
    [
      column((incident) => incident.code),
      column((incident) => incident.message),
      column((incident) => incident.studyInstanceUid),
      column((incident) => incident.seriesInstanceUid),
      column((incident) => incident.sopInstanceUid),
      column((incident) => incident.callingAeTitle),
    ],
  );
}
