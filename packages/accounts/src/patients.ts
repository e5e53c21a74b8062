/** Patient names and IDs: the only place where they get into an answer. */

import type { StudyView } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';
import type { FastifyRequest } from 'fastify';
import { maySeePatients } from './identity.ts';

/** The studies with `patient`, for those who may see patients; the studies as they are for everybody else. */
export async function withPatients(
  request: FastifyRequest,
  studies: readonly StudyView[],
): Promise<readonly StudyView[]> {
  return maySeePatients(request) ? addPatients(request.server.signInParts.database, studies) : studies;
}

/** The studies with `patient`, whoever asks: the caller decides who gets them. */
export async function addPatients(database: Database, studies: readonly StudyView[]): Promise<readonly StudyView[]> {
  const { rows } = await database.pool.query(
    'SELECT study_instance_uid, patient_name, patient_id FROM study WHERE study_instance_uid = ANY ($1)',
    [studies.map((study) => study.studyInstanceUid)],
  );
  const patients = new Map(rows.map((row) => [row.study_instance_uid, { name: row.patient_name, id: row.patient_id }]));
  return studies.map((study) => ({ ...study, patient: known(patients.get(study.studyInstanceUid)) }));
}

type Patient = { readonly name: string | null; readonly id: string | null };
const known = (patient: Patient | undefined): Patient | null =>
  patient === undefined || (patient.name === null && patient.id === null) ? null : patient;
