/** The table `study`, as far as it says which study this is. What becomes of it: completion.ts, shownResult.ts. Each function is one statement. */
import { IchorError } from '@ichor/shared/errors';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { StoredInstance } from './instance.ts';
import { firstOf } from './lockOrder.ts';

export type IndexedInstance = StoredInstance & { readonly priority: number };

/** The first header that says something counts; the most urgent priority does. */
export async function upsertStudies(client: DatabaseClient, instances: readonly IndexedInstance[]): Promise<void> {
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

/** In one order always. */
export async function lockStudies(client: DatabaseClient, studies: readonly string[]): Promise<void> {
  await client.query('SELECT FROM study WHERE study_instance_uid = ANY($1) ORDER BY study_instance_uid FOR UPDATE', [
    studies,
  ]);
}

/** @throws IchorError STUDY_UNKNOWN */
export async function lockStudy(client: DatabaseClient, studyInstanceUid: string) {
  const { rows } = await client.query(
    'SELECT result_id, revision FROM study WHERE study_instance_uid = $1 FOR UPDATE',
    [studyInstanceUid],
  );
  if (rows[0] === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return {
    resultId: numberOrNull(rows[0].result_id),
    revision: rows[0].revision as number,
  };
}

/** Of a bigint column. */
export const numberOrNull = (value: string | number | null): number | null => (value === null ? null : Number(value));

/** Studies by state. */
export async function countStudies(database: Database): Promise<{ readonly state: string; readonly count: number }[]> {
  const { rows } = await database.pool.query('SELECT state, count(*)::int AS count FROM study GROUP BY state');
  return rows;
}

export type StudyPatient = { readonly name: string | null; readonly id: string | null };

/** By Study Instance UID; a study that there is no row of is left out. */
export async function readPatients(
  database: Database,
  studies: readonly string[],
): Promise<ReadonlyMap<string, StudyPatient>> {
  const { rows } = await database.pool.query(
    'SELECT study_instance_uid, patient_name, patient_id FROM study WHERE study_instance_uid = ANY ($1)',
    [studies],
  );
  return new Map(rows.map((row) => [row.study_instance_uid, { name: row.patient_name, id: row.patient_id }]));
}
