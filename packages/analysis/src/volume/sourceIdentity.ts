/** Patient, study and equipment attributes that derived objects copy: as the source has them, but no longer than PS3.5 §6.2 allows. */
import type { SourceIdentity } from '../types.ts';
import type { InstanceHeader } from './readHeaders.ts';

export function sourceIdentity({ dataset, studyInstanceUid }: InstanceHeader): SourceIdentity {
  const text = (tag: `x${string}`, longest: number): string | null => clipped(dataset.text(tag), longest);
  return {
    patientName: personName(dataset.text('x00100010')),
    patientId: text('x00100020', 64),
    issuerOfPatientId: text('x00100021', 64),
    patientBirthDate: text('x00100030', 10),
    patientSex: text('x00100040', 16),
    patientAge: text('x00101010', 4),
    studyInstanceUid,
    studyDate: text('x00080020', 10),
    studyTime: text('x00080030', 16),
    studyId: text('x00200010', 16),
    studyDescription: text('x00081030', 64),
    accessionNumber: text('x00080050', 16),
    referringPhysicianName: personName(dataset.text('x00080090')),
    timezoneOffsetFromUtc: text('x00080201', 16),
    bodyPartExamined: text('x00180015', 16),
    patientPosition: text('x00185100', 16),
    modality: text('x00080060', 16),
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
