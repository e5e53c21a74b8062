/** What an operator must be able to find: refused or odd input, dead deliveries, killed inference. */
import type { Database } from '@ichor/shared';

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
