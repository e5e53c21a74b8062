/**
 * What an operator must be able to find: logged at once, and kept in the database as soon as that answers.
 *
 * One host can make thousands in seconds. Incidents that are alike and come within ten minutes are one row that counts them; of
 * one host and code at most {@link MOST_OF_A_HOST} rows come of that, and the rest is one row more. The log has each.
 */
import type { Config } from '@ichor/settings/config';
import { reasonOf } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import type { Database } from '../postgres/database.ts';

export type Incident = {
  readonly code: string;
  readonly message: string;
  readonly studyInstanceUid?: string | null;
  readonly seriesInstanceUid?: string | null;
  readonly sopInstanceUid?: string | null;
  readonly callingAeTitle?: string | null;
  /** Of the peer. */
  readonly address?: string | null;
};

export type Incidents = {
  /** Never throws and never waits. */
  record(incident: Incident): void;
  close(): Promise<void>;
};

type Counted = { readonly key: string; readonly incident: Incident; count: number };

/** While the database is away this many wait in memory; more are in the log only. */
const MOST_WAITING = 10_000;
const BATCH = 100;
const RETRY_MS = 2_000;
/** Between two writes: what comes meanwhile is counted first. */
const GATHER_MS = 200;
const ALIKE_WITHIN_MS = 600_000;
const MOST_OF_A_HOST = 100;
const MOST_KEPT = 100_000;
const PURGE_EVERY_MS = 3_600_000;

/** @param config how long incidents are kept */
export function openIncidents(
  database: Database,
  log: Log,
  { incidentDays }: Pick<Config, 'incidentDays'> = { incidentDays: 90 },
): Incidents {
  const waiting = new Map<string, Counted>();
  const closing = Promise.withResolvers<void>();
  const bounded = boundHosts();
  let writing: Promise<void> | null = null;
  let closed = false;
  const add = ({ key, incident, count }: Counted): void => {
    const known = waiting.get(key);
    if (known !== undefined) known.count += count;
    else if (waiting.size < MOST_WAITING) waiting.set(key, { key, incident, count });
  };
  const write = async (): Promise<void> => {
    while (waiting.size > 0) {
      const batch = [...waiting.values()].slice(0, BATCH);
      for (const { key } of batch) waiting.delete(key);
      try {
        await insert(database, batch);
        if (!closed) await pause(GATHER_MS, closing.promise);
      } catch (error) {
        if (closed) return;
        for (const one of batch) add(one);
        log.event('database.lost', { reason: reasonOf(error) });
        await pause(RETRY_MS, closing.promise);
      }
    }
  };
  const clean = (): void => void purge(database, incidentDays).catch(() => {});
  const cleaning = setInterval(clean, PURGE_EVERY_MS).unref();
  clean();
  return {
    record(incident) {
      log.event('incident', { ...incident });
      add(bounded(incident));
      writing ??= write().finally(() => {
        writing = null;
      });
    },
    async close() {
      closed = true;
      clearInterval(cleaning);
      closing.resolve();
      await writing;
    },
  };
}

/** @returns a function that says which incidents an incident is like; of a host that has too many kinds of them, all others */
function boundHosts(): (incident: Incident) => Counted {
  const kinds = new Map<string, Set<string>>();
  let until = 0;
  return (incident) => {
    if (performance.now() >= until) {
      kinds.clear();
      until = performance.now() + ALIKE_WITHIN_MS;
    }
    const key = keyOf(incident);
    const peer = incident.address || incident.callingAeTitle;
    if (!peer) return { key, incident, count: 1 };
    const host = `${incident.code} ${peer}`;
    const known = kinds.get(host) ?? new Set();
    kinds.set(host, known);
    if (known.size < MOST_OF_A_HOST) known.add(key);
    return known.has(key)
      ? { key, incident, count: 1 }
      : { key: `${host} and others`, incident: others(incident), count: 1 };
  };
}

/** A peer's words change from one to the next; ours name what is concerned. */
function keyOf(incident: Incident): string {
  const { code, message, callingAeTitle = null, address = null } = incident;
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = incident;
  const words = callingAeTitle === null && address === null ? message : null;
  return JSON.stringify([code, words, callingAeTitle, address, studyInstanceUid, seriesInstanceUid, sopInstanceUid]);
}

const others = ({ code, callingAeTitle, address }: Incident): Incident => ({
  code,
  message: `More incidents of this kind came from ${address || callingAeTitle} within ten minutes; the log has each.`,
  callingAeTitle: address ? null : (callingAeTitle ?? null),
  address: address || null,
});

/** In one order always, so that two processes do not wait for each other. */
async function insert(database: Database, batch: readonly Counted[]): Promise<void> {
  const counted = [...batch].sort((one, other) => (one.key < other.key ? -1 : 1));
  const column = (pick: (incident: Incident) => string | null | undefined) =>
    counted.map(({ incident }) => pick(incident) ?? null);
  await database.pool.query(
    `INSERT INTO incident (code, message, study_instance_uid, series_instance_uid, sop_instance_uid, calling_ae_title, address, count, fold_key)
     SELECT code, message, study, series, sop, ae, address, count, md5(key || floor(extract(epoch FROM now()) * 1000 / $10))
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[])
            AS t(code, message, study, series, sop, ae, address, count, key)
     ON CONFLICT (fold_key) DO UPDATE SET count = incident.count + excluded.count, last_at = now(), message = excluded.message`,
    [
      column((incident) => incident.code),
      column((incident) => incident.message),
      column((incident) => incident.studyInstanceUid),
      column((incident) => incident.seriesInstanceUid),
      column((incident) => incident.sopInstanceUid),
      column((incident) => incident.callingAeTitle),
      column((incident) => incident.address),
      counted.map(({ count }) => count),
      counted.map(({ key }) => key),
      ALIKE_WITHIN_MS,
    ],
  );
}

/** Removes what is older than so many days, and beyond so many rows the oldest. */
export async function purge(database: Database, days: number, most = MOST_KEPT): Promise<void> {
  await database.pool.query(
    `DELETE FROM incident WHERE last_at < now() - $1 * interval '1 day'
        OR incident_id <= (SELECT incident_id FROM incident ORDER BY incident_id DESC OFFSET $2 LIMIT 1)`,
    [days, most],
  );
}

async function pause(ms: number, until: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([over, until]).finally(() => clearTimeout(timer));
}

/** An incident as the API and `ichor incidents` show it; times are ISO 8601 in UTC. No patient data. */
export type IncidentView = {
  readonly incidentId: number;
  /** When the first came, and the last, and how many were alike. */
  readonly at: string;
  readonly lastAt: string;
  readonly count: number;
  readonly code: string;
  readonly message: string;
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
  readonly sopInstanceUid: string | null;
  readonly callingAeTitle: string | null;
  /** Of the peer. */
  readonly address: string | null;
};

export type IncidentQuery = {
  readonly limit: number;
  readonly studyInstanceUid: string | null;
  readonly code: string | null;
  /** Only older ones than this `incidentId`, to page backwards. */
  readonly before: number | null;
};

/** The newest incidents first. */
export async function listIncidents(database: Database, query: IncidentQuery): Promise<IncidentView[]> {
  const { rows } = await database.pool.query(
    `SELECT incident_id, at, last_at, count, address, code, message, study_instance_uid, series_instance_uid, sop_instance_uid, calling_ae_title
       FROM incident
      WHERE ($1::text IS NULL OR study_instance_uid = $1)
        AND ($2::text IS NULL OR code = $2)
        AND ($3::bigint IS NULL OR incident_id < $3)
      ORDER BY incident_id DESC LIMIT $4`,
    [query.studyInstanceUid, query.code, query.before, query.limit],
  );
  return rows.map((row) => ({
    incidentId: Number(row.incident_id),
    at: row.at.toISOString(),
    lastAt: row.last_at.toISOString(),
    count: row.count,
    code: row.code,
    message: row.message,
    studyInstanceUid: row.study_instance_uid,
    seriesInstanceUid: row.series_instance_uid,
    sopInstanceUid: row.sop_instance_uid,
    callingAeTitle: row.calling_ae_title,
    address: row.address,
  }));
}
