/** The table `instance`: one row per file of the spool. Each function is one statement. */
import type { SpoolReference } from '@ichor/shared/files';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import { firstOf } from './lockOrder.ts';

/** Header attributes that the index keeps; decoded text. The patient's stay in the database only. */
export type IndexedHeader = {
  readonly accessionNumber: string | null;
  readonly patientId: string | null;
  readonly patientName: string | null;
  readonly studyDate: string | null;
  readonly studyDescription: string | null;
  readonly modality: string | null;
  readonly seriesDescription: string | null;
  /** Requested Procedure Priority (0040,1003), e.g. STAT. */
  readonly requestedProcedurePriority: string | null;
};

/** An instance whose bytes are durable in the spool. */
export type StoredInstance = {
  readonly spoolPath: SpoolReference;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly sizeBytes: number;
  readonly callingAeTitle: string;
  readonly header: IndexedHeader;
};

/** @returns the studies that got a row that was not there before */
export async function insertInstances(client: DatabaseClient, instances: readonly StoredInstance[]): Promise<string[]> {
  const rows = firstOf(instances, (instance) => instance.spoolPath);
  const inserted = await client.query(
    `INSERT INTO instance (spool_path, sop_instance_uid, series_instance_uid, study_instance_uid, sop_class_uid, transfer_syntax_uid, size_bytes, calling_ae_title)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
     ON CONFLICT (spool_path) DO NOTHING RETURNING study_instance_uid`,
    [
      rows.map((one) => one.spoolPath),
      rows.map((one) => one.sopInstanceUid),
      rows.map((one) => one.seriesInstanceUid),
      rows.map((one) => one.studyInstanceUid),
      rows.map((one) => one.sopClassUid),
      rows.map((one) => one.transferSyntaxUid),
      rows.map((one) => one.sizeBytes),
      rows.map((one) => one.callingAeTitle),
    ],
  );
  return [...new Set<string>(inserted.rows.map((row) => row.study_instance_uid))];
}

/** Which of these spool paths the index knows. */
export async function indexedPaths(database: Database, paths: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.pool.query('SELECT spool_path FROM instance WHERE spool_path = ANY($1)', [paths]);
  return new Set(rows.map((row) => row.spool_path));
}

/** The instances of a study that one analysis takes. `until` (text of a timestamptz): when the last of them came; null when there is none. */
export type StudyInput = { readonly paths: readonly SpoolReference[]; readonly until: string | null };

/** Spool paths of every image-bearing instance of a study, in the order of arrival. @param until as of then; null: as of now */
export async function studyInput(
  database: Database,
  studyInstanceUid: string,
  until: string | null = null,
): Promise<StudyInput> {
  const { rows } = await database.pool.query(
    `SELECT max(received_at)::text AS until, coalesce(array_agg(spool_path ORDER BY received_at, spool_path), '{}') AS paths
       FROM instance WHERE study_instance_uid = $1 AND ($2::timestamptz IS NULL OR received_at <= $2::timestamptz)`,
    [studyInstanceUid, until],
  );
  return rows[0];
}

/** Every content that came under this UID, in the order of arrival. @returns paths in the spool */
export async function spoolPathsOf(
  database: Database,
  studyInstanceUid: string,
  sopInstanceUid: string,
): Promise<string[]> {
  const { rows } = await database.pool.query(
    'SELECT spool_path FROM instance WHERE study_instance_uid = $1 AND sop_instance_uid = $2 ORDER BY received_at, spool_path',
    [studyInstanceUid, sopInstanceUid],
  );
  return rows.map((row) => row.spool_path);
}
