/** Patient, study and equipment attributes that derived objects copy: as the source has them, but no longer than PS3.5 §6.2 allows. */
import type { Keyword } from '@ichor/dicom/keywords';
import type { SourceIdentity } from '../types.ts';
import type { InstanceHeader } from './readHeaders.ts';

export function sourceIdentity({ dataset, studyInstanceUid }: InstanceHeader): SourceIdentity {
  const text = (keyword: Keyword, longest: number): string | null => clipped(dataset.text(keyword), longest);
  return {
    patientName: personName(dataset.text('PatientName')),
    patientId: text('PatientID', 64),
    issuerOfPatientId: text('IssuerOfPatientID', 64),
    patientBirthDate: text('PatientBirthDate', 10),
    patientSex: text('PatientSex', 16),
    patientAge: text('PatientAge', 4),
    studyInstanceUid,
    studyDate: text('StudyDate', 10),
    studyTime: text('StudyTime', 16),
    studyId: text('StudyID', 16),
    studyDescription: text('StudyDescription', 64),
    accessionNumber: text('AccessionNumber', 16),
    referringPhysicianName: personName(dataset.text('ReferringPhysicianName')),
    timezoneOffsetFromUtc: text('TimezoneOffsetFromUTC', 16),
    bodyPartExamined: text('BodyPartExamined', 16),
    patientPosition: text('PatientPosition', 16),
    modality: text('Modality', 16),
  };
}

/** Control characters have no place in these attributes, and lead viewers and validators astray. */
const clipped = (value: string | null, longest: number): string | null =>
  value === null ? null : [...value.replaceAll(/\p{Cc}/gu, '')].slice(0, longest).join('');

/** 64 characters for each of the alphabetic, ideographic and phonetic representation. */
const personName = (value: string | null): string | null =>
  value === null
    ? null
    : value
        .split('=')
        .slice(0, 3)
        .map((group) => clipped(group, 64))
        .join('=');
