/** Patient, study and equipment attributes that derived objects copy. */
import type { SourceIdentity } from '../types.ts';
import type { InstanceHeader } from './readHeaders.ts';

export function sourceIdentity({ dataset, studyInstanceUid }: InstanceHeader): SourceIdentity {
  return {
    patientName: dataset.text('x00100010'),
    patientId: dataset.text('x00100020'),
    issuerOfPatientId: dataset.text('x00100021'),
    patientBirthDate: dataset.text('x00100030'),
    patientSex: dataset.text('x00100040'),
    patientAge: dataset.text('x00101010'),
    studyInstanceUid,
    studyDate: dataset.text('x00080020'),
    studyTime: dataset.text('x00080030'),
    studyId: dataset.text('x00200010'),
    studyDescription: dataset.text('x00081030'),
    accessionNumber: dataset.text('x00080050'),
    referringPhysicianName: dataset.text('x00080090'),
    timezoneOffsetFromUtc: dataset.text('x00080201'),
    bodyPartExamined: dataset.text('x00180015'),
    patientPosition: dataset.text('x00185100'),
    modality: dataset.text('x00080060'),
  };
}
