/** Rows as receiver and worker leave them, for tests of what reads them. */

import { reason } from '@ichor/shared/reasons';
import { type Findings, RESULT_STATES, type ResultState, type StudyState } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';

const finding = (score: number) => ({ score, threshold: 0.5, present: score >= 0.5 });
export const FINDINGS: Findings = {
  epidural: finding(0.02),
  intraparenchymal: finding(0.1),
  intraventricular: finding(0.03),
  subarachnoid: finding(0.2),
  subdural: finding(0.98),
  any: finding(0.97),
};

export async function emptyTables(database: Database): Promise<void> {
  await database.pool.query(
    'TRUNCATE study, series, instance, result, model_target, slice_feature, derived_object, delivery, incident CASCADE',
  );
}

type StudyRow = {
  readonly uid: string;
  readonly state: StudyState;
  readonly priority?: number;
  readonly minutesAgo?: number;
  readonly accessionNumber?: string;
  readonly patientName?: string;
  readonly patientId?: string;
};

export async function addStudy(database: Database, row: StudyRow): Promise<void> {
  await database.pool.query(
    `INSERT INTO study (study_instance_uid, state, priority, first_instance_at, last_instance_at, accession_number, patient_name, patient_id)
     VALUES ($1, $2, $3, now() - $4 * interval '1 minute', now() - $4 * interval '1 minute', $5, $6, $7)`,
    [
      row.uid,
      row.state,
      row.priority ?? 3,
      row.minutesAgo ?? 1,
      row.accessionNumber ?? null,
      row.patientName ?? null,
      row.patientId ?? null,
    ],
  );
  if (isResult(row.state)) await addShown(database, row.uid, row.state);
}

const isResult = (state: StudyState): state is ResultState => RESULT_STATES.some((one) => one === state);

/** What a study in that state must have: findings, a reason or an error code; its revision stays 0. */
async function addShown(database: Database, study: string, state: ResultState): Promise<void> {
  const found = state === 'flagged' || state === 'clear';
  const why = state === 'not-analysed' ? JSON.stringify(reason('too-few-slices')) : null;
  await database.pool.query(
    `WITH made AS (
       INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state, findings, reason, error_code)
       VALUES ($1, 0, 'shown', 'test-model', '1.0.0', 'ab', $2, $3, $4, $5) RETURNING result_id)
     UPDATE study SET result_id = made.result_id, reason = $4, error_code = $5 FROM made WHERE study_instance_uid = $1`,
    [study, state, found ? JSON.stringify(FINDINGS) : null, why, state === 'failed' ? 'INFERENCE_FAILED' : null],
  );
}

export async function addInstance(database: Database, study: string, sopInstanceUid: string): Promise<void> {
  const series = `${study}.1`;
  await database.pool.query(
    'INSERT INTO series (series_instance_uid, study_instance_uid) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [series, study],
  );
  await database.pool.query(
    `INSERT INTO instance (spool_path, sop_instance_uid, series_instance_uid, study_instance_uid, sop_class_uid, transfer_syntax_uid, size_bytes)
     VALUES ($1, $2, $3, $4, '1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1', 1000)`,
    [`${study}/${series}/${sopInstanceUid}.dcm`, sopInstanceUid, series, study],
  );
}

/** A result, shown as the study's current one. @returns its `result_id` */
export async function addResult(database: Database, study: string, state: 'flagged' | 'clear'): Promise<number> {
  const keySlices = [{ sopInstanceUid: '1.2', finding: 'subdural', score: 0.98 }];
  const { rows } = await database.pool.query(
    `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state, findings, key_slices)
     SELECT $1, coalesce(max(revision), 0) + 1, $2, 'test-model', '1.0.0', 'ab', $3, $4, $5 FROM result WHERE study_instance_uid = $1
     RETURNING result_id, revision`,
    [study, String(Math.random()), state, JSON.stringify(FINDINGS), JSON.stringify(keySlices)],
  );
  await database.pool.query(
    'UPDATE study SET state = $2, result_id = $3, revision = $4, resulted_at = now() WHERE study_instance_uid = $1',
    [study, state, rows[0].result_id, rows[0].revision],
  );
  return Number(rows[0].result_id);
}

type DeliveryRow = {
  readonly kind: 'SR' | 'SC';
  readonly uid: string;
  readonly destination: string;
  readonly state: string;
  readonly attempts: number;
};

export async function addDelivery(database: Database, resultId: number, row: DeliveryRow): Promise<void> {
  await database.pool.query(
    `INSERT INTO derived_object (sop_instance_uid, result_id, kind, series_instance_uid, sop_class_uid, object_path) VALUES ($1, $2, $3, '1.2', '1.2', 'x')`,
    [row.uid, resultId, row.kind],
  );
  await database.pool.query(
    'INSERT INTO delivery (result_id, sop_instance_uid, destination, state, attempts) VALUES ($1, $2, $3, $4, $5)',
    [resultId, row.uid, row.destination, row.state, row.attempts],
  );
}

export async function addIncident(database: Database, code: string, study: string): Promise<void> {
  await database.pool.query(
    `INSERT INTO incident (code, message, study_instance_uid) VALUES ($1, 'what happened', $2)`,
    [code, study],
  );
}
