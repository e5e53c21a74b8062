/** The statements of the index; each does one thing. */
import type { Config } from '@ichor/settings/config';
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';
import type { StoredInstance } from '../types.ts';
import { foundAgain } from './lossRows.ts';

export type IndexedInstance = StoredInstance & { readonly priority: number };
export type DueStudy = { readonly studyInstanceUid: string; readonly request: number; readonly priority: number };

/**
 * Writes a batch: studies, series, instances. A study with a new instance is open (again); repeated instances change nothing.
 * @param isOpen whether an association that sent to a study is open now
 */
export async function insertInstances(
  database: Database,
  instances: readonly IndexedInstance[],
  isOpen: (studyInstanceUid: string) => boolean,
  openAheadMs: number,
): Promise<void> {
  await database.transaction(async (client) => {
    await insertStudies(client, instances);
    await insertSeries(client, instances);
    const touched = await insertInstanceRows(client, instances);
    const [open, closed] = [touched.filter(isOpen), touched.filter((study) => !isOpen(study))];
    await reopenStudies(client, open, openAheadMs);
    await reopenStudies(client, closed, 0);
    await foundAgain(client, instances);
  });
}

async function insertStudies(client: DatabaseClient, instances: readonly IndexedInstance[]): Promise<void> {
  const readOnesFirst = [...instances].sort((one, other) => Number(!one.sopClassUid) - Number(!other.sopClassUid));
  const studies = firstOf(readOnesFirst, (instance) => instance.studyInstanceUid);
  await client.query(
    `INSERT INTO study (study_instance_uid, accession_number, patient_id, patient_name, study_date, study_description, priority)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])
     ON CONFLICT (study_instance_uid) DO UPDATE SET priority = least(study.priority, excluded.priority),
       accession_number = coalesce(study.accession_number, excluded.accession_number),
       patient_id = coalesce(study.patient_id, excluded.patient_id), patient_name = coalesce(study.patient_name, excluded.patient_name),
       study_date = coalesce(study.study_date, excluded.study_date),
       study_description = coalesce(study.study_description, excluded.study_description)`,
    [
      studies.map((one) => one.studyInstanceUid),
      studies.map((one) => one.header.accessionNumber),
      studies.map((one) => one.header.patientId),
      studies.map((one) => one.header.patientName),
      studies.map((one) => one.header.studyDate),
      studies.map((one) => one.header.studyDescription),
      studies.map((one) =>
        Math.min(
          ...instances
            .filter((other) => other.studyInstanceUid === one.studyInstanceUid)
            .map((other) => other.priority),
        ),
      ),
    ],
  );
}

async function insertSeries(client: DatabaseClient, instances: readonly IndexedInstance[]): Promise<void> {
  const series = firstOf(instances, (instance) => instance.seriesInstanceUid);
  await client.query(
    `INSERT INTO series (series_instance_uid, study_instance_uid, modality, description)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
     ON CONFLICT (series_instance_uid) DO UPDATE SET last_instance_at = now()`,
    [
      series.map((one) => one.seriesInstanceUid),
      series.map((one) => one.studyInstanceUid),
      series.map((one) => one.header.modality),
      series.map((one) => one.header.seriesDescription),
    ],
  );
}

/** @returns the studies that got a row that was not there before */
async function insertInstanceRows(client: DatabaseClient, instances: readonly IndexedInstance[]): Promise<string[]> {
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

async function reopenStudies(client: DatabaseClient, studies: readonly string[], openAheadMs: number): Promise<void> {
  if (studies.length === 0) return;
  await client.query(
    `UPDATE study SET last_instance_at = clock_timestamp(),
            open_since = CASE WHEN completion = 'open' THEN open_since ELSE clock_timestamp() END,
            completion = 'open', waiting = false,
            state = CASE WHEN result_id IS NULL THEN 'receiving' ELSE state END,
            association_open_until = greatest(association_open_until, clock_timestamp() + $2 * interval '1 millisecond')
      WHERE study_instance_uid = ANY($1)`,
    [studies, openAheadMs],
  );
}

/** Renews the sign of life of associations that are still sending to these studies. */
export async function keepStudiesOpen(
  database: Database,
  studies: readonly string[],
  openAheadMs: number,
): Promise<void> {
  if (studies.length === 0) return;
  await database.pool.query(
    "UPDATE study SET association_open_until = now() + $2 * interval '1 millisecond' WHERE study_instance_uid = ANY($1) AND completion = 'open'",
    [studies, openAheadMs],
  );
}

/** The last association of this receiver that sent to these studies has ended; another receiver has `graceMs` to object. */
export async function closeStudies(database: Database, studies: readonly string[], graceMs: number): Promise<void> {
  if (studies.length === 0) return;
  await database.pool.query(
    `UPDATE study SET association_open_until = least(association_open_until, now() + $2 * interval '1 millisecond')
      WHERE study_instance_uid = ANY($1)`,
    [studies, graceMs],
  );
}

/**
 * Studies that became complete now; each is returned once per round of arrivals, whoever asks.
 * @param among which; null: all
 */
export async function completeStudies(
  database: Database,
  { quietPeriodMs, maxAgeMs }: Pick<Config, 'quietPeriodMs' | 'maxAgeMs'>,
  among: readonly string[] | null = null,
): Promise<DueStudy[]> {
  const { rows } = await database.pool.query(
    `UPDATE study SET completion = 'complete', request = request + 1, completed_at = now(), waiting = false,
            at_max_age = open_since <= now() - $2 * interval '1 millisecond',
            state = CASE WHEN result_id IS NULL THEN 'queued' ELSE state END
      WHERE completion = 'open' AND ($3::text[] IS NULL OR study_instance_uid = ANY($3))
        AND ((NOT waiting AND last_instance_at <= now() - $1 * interval '1 millisecond' AND association_open_until <= now())
             OR open_since <= now() - $2 * interval '1 millisecond')
  RETURNING study_instance_uid, request, priority`,
    [quietPeriodMs, maxAgeMs, among],
  );
  return rows.map(dueStudy);
}

/** Open studies that are not among `known`, the longest quiet first. */
export async function openStudies(database: Database, known: readonly string[], limit: number): Promise<string[]> {
  const { rows } = await database.pool.query(
    `SELECT study_instance_uid FROM study WHERE completion = 'open' AND NOT study_instance_uid = ANY($1)
      ORDER BY last_instance_at LIMIT $2`,
    [known, limit],
  );
  return rows.map((row) => row.study_instance_uid);
}

/** Complete studies whose last request has no result yet. */
export async function dueStudies(database: Database): Promise<DueStudy[]> {
  const { rows } = await database.pool.query(
    "SELECT study_instance_uid, request, priority FROM study WHERE completion = 'complete' AND analysed_request < request ORDER BY priority, completed_at",
  );
  return rows.map(dueStudy);
}

/** Which of these spool paths the index knows. */
export async function indexedPaths(database: Database, paths: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.pool.query('SELECT spool_path FROM instance WHERE spool_path = ANY($1)', [paths]);
  return new Set(rows.map((row) => row.spool_path));
}

const dueStudy = (row: { study_instance_uid: string; request: number; priority: number }): DueStudy => ({
  studyInstanceUid: row.study_instance_uid,
  request: row.request,
  priority: row.priority,
});

/** The first of each key, ordered by key: rows are always locked in the same order. */
function firstOf<T>(values: readonly T[], keyOf: (value: T) => string): T[] {
  const first = new Map<string, T>();
  for (const value of values) if (!first.has(keyOf(value))) first.set(keyOf(value), value);
  return [...first].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value);
}
