/** A new instance as Part 10 bytes (sole importer here of dcmjs): what reports and heat maps have in common. */

import type { SourceIdentity } from '@ichor/analysis/types';
import { CODES } from '@ichor/dicom/codes';
import { MANUFACTURER, MODEL_NAME } from '@ichor/dicom/ownObjects';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '@ichor/dicom/part10';
import { silenceDcmjs } from '@ichor/dicom/silenceDcmjs';
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';
import type { ModelIdentity } from '@ichor/shared/study';
import { targetOf } from '@ichor/shared/target';
import dcmjs from 'dcmjs';
import { coded } from './contentItems.ts';
import { validAge, validDate, validOffset, validSex, validTime } from './validValues.ts';

export type NewInstance = Readonly<Record<string, unknown>> & {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
};

/** Explicit VR Little Endian, file meta information included. */
export function encodeInstance(instance: NewInstance, vrs: Readonly<Record<string, string>> = {}): Uint8Array {
  silenceDcmjs(dcmjs);
  const { DicomDict, DicomMetaDictionary } = dcmjs.data;
  const meta = {
    _vrMap: { FileMetaInformationVersion: 'OB' },
    FileMetaInformationVersion: new Uint8Array([0, 1]).buffer,
    MediaStorageSOPClassUID: instance.SOPClassUID,
    MediaStorageSOPInstanceUID: instance.SOPInstanceUID,
    TransferSyntaxUID: TRANSFER_SYNTAX.explicitLittleEndian,
    ImplementationClassUID: IMPLEMENTATION_CLASS_UID,
    ImplementationVersionName: IMPLEMENTATION_VERSION_NAME,
  };
  const dict = new DicomDict(DicomMetaDictionary.denaturalizeDataset(meta));
  dict.dict = DicomMetaDictionary.denaturalizeDataset({ ...instance, _vrMap: vrs });
  return new Uint8Array(dict.write());
}

/** Patient, general study, equipment and marks, copied from the source where valid, or our own. @param at when it was made */
export function commonAttributes(identity: SourceIdentity, model: ModelIdentity, at: Date): Record<string, unknown> {
  const { date, time } = dicomDateTime(at, identity);
  return {
    SpecificCharacterSet: 'ISO_IR 192',
    InstanceCreationDate: date,
    InstanceCreationTime: time,
    StudyDate: validDate(identity.studyDate) ?? '',
    StudyTime: validTime(identity.studyTime) ?? '',
    AccessionNumber: identity.accessionNumber ?? '',
    ReferringPhysicianName: identity.referringPhysicianName ?? '',
    ...optional('StudyDescription', identity.studyDescription),
    ...optional('TimezoneOffsetFromUTC', validOffset(identity.timezoneOffsetFromUtc)),
    PatientName: identity.patientName ?? '',
    PatientID: identity.patientId ?? '',
    ...optional('IssuerOfPatientID', identity.issuerOfPatientId),
    PatientBirthDate: validDate(identity.patientBirthDate) ?? '',
    PatientSex: validSex(identity.patientSex) ?? '',
    ...optional('PatientAge', validAge(identity.patientAge)),
    StudyInstanceUID: identity.studyInstanceUid,
    StudyID: identity.studyId ?? '',
    Manufacturer: MANUFACTURER,
    ManufacturerModelName: MODEL_NAME,
    DeviceSerialNumber: model.sha256.slice(0, 16),
    SoftwareVersions: `${IMPLEMENTATION_VERSION_NAME} ${model.name} ${model.version}`.slice(0, 64),
    ContributingEquipmentSequence: [
      {
        PurposeOfReferenceCodeSequence: [coded(CODES.processingEquipment)],
        Manufacturer: MANUFACTURER,
        ManufacturerModelName: MODEL_NAME,
        DeviceSerialNumber: model.sha256.slice(0, 16),
        SoftwareVersions: `${model.name} ${model.version}`.slice(0, 64),
        ContributionDescription: `Triage of ${targetOf(model).name}`,
      },
    ],
  };
}

/** DA and TM in the zone that the instance names, the source's, and without one in that of this machine (PS3.3 C.12.1.1.8). */
export function dicomDateTime(
  at: Date,
  { timezoneOffsetFromUtc }: Pick<SourceIdentity, 'timezoneOffsetFromUtc'>,
): { date: string; time: string } {
  const offset = validOffset(timezoneOffsetFromUtc);
  const eastMinutes = offset === null ? -at.getTimezoneOffset() : minutesOf(offset);
  const digits = new Date(at.getTime() + eastMinutes * 60_000).toISOString().replaceAll(/\D/g, '');
  return { date: digits.slice(0, 8), time: digits.slice(8, 14) };
}

/** @param offset as -0330 */
const minutesOf = (offset: string): number =>
  (offset.startsWith('-') ? -1 : 1) * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3)));

const optional = (keyword: string, value: string | null): Record<string, string> =>
  value === null ? {} : { [keyword]: value };
