/** Patient names and IDs: the only place where they get into an answer. */

import type { StudyView } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';
import { readPatients, type StudyPatient } from '@ichor/store/rows/study';
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
  const patients = await readPatients(
    database,
    studies.map((study) => study.studyInstanceUid),
  );
  return studies.map((study) => ({ ...study, patient: known(patients.get(study.studyInstanceUid)) }));
}

const known = (patient: StudyPatient | undefined): StudyPatient | null =>
  patient === undefined || (patient.name === null && patient.id === null) ? null : patient;
