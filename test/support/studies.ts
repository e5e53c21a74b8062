/** Instances for tests of the index: stored in a real spool, with headers of nobody. */
import { parseDataset } from '@ichor/dicom/dataset';
import { part10Header } from '@ichor/dicom/part10';
import { indexedHeader } from '@ichor/receiver/storeInstance';
import type { Spool } from '@ichor/store/files/spool';
import type { StoredInstance } from '@ichor/store/rows/instance';

export const CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2';
const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';

export type TestInstance = {
  readonly study: string;
  readonly series?: string;
  readonly sop: string;
  readonly caller?: string;
  readonly priority?: string;
  readonly patientName?: string;
  /** Tells two contents of one SOP Instance UID apart. */
  readonly comment?: string;
};

/** Stores an instance as the receiver does. */
export async function storeTestInstance(spool: Spool, wanted: TestInstance): Promise<StoredInstance> {
  const { study, series = `${study}.1`, sop, caller = 'CTSCANNER' } = wanted;
  const dataset = datasetOf({ ...wanted, series });
  const header = part10Header({
    sopClassUid: CT_IMAGE,
    sopInstanceUid: sop,
    transferSyntaxUid: EXPLICIT_LITTLE_ENDIAN,
    callingAeTitle: caller,
  });
  const stored = await spool.store({
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: sop,
    chunks: [header, dataset],
  });
  return {
    spoolPath: stored.reference,
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: sop,
    sopClassUid: CT_IMAGE,
    transferSyntaxUid: EXPLICIT_LITTLE_ENDIAN,
    sizeBytes: stored.sizeBytes,
    callingAeTitle: caller,
    header: indexedHeader(parseDataset(dataset, EXPLICIT_LITTLE_ENDIAN)),
  };
}

function datasetOf({
  study,
  series = '',
  sop,
  priority,
  patientName = 'Phantom^Test',
  comment = '',
}: TestInstance): Buffer {
  return Buffer.concat([
    element('0008', '0016', 'UI', CT_IMAGE),
    element('0008', '0018', 'UI', sop),
    element('0008', '0050', 'SH', 'ACC1'),
    element('0008', '0060', 'CS', 'CT'),
    element('0010', '0010', 'PN', patientName),
    element('0010', '0020', 'LO', 'PATIENT-1'),
    element('0020', '000d', 'UI', study),
    element('0020', '000e', 'UI', series),
    element('0020', '4000', 'LT', comment),
    ...(priority === undefined ? [] : [element('0040', '1003', 'SH', priority)]),
  ]);
}

/** An element in Explicit VR Little Endian (PS3.5 §7.1.2), short form. */
function element(group: string, number: string, vr: string, text: string): Buffer {
  const value = Buffer.from(text.length % 2 === 0 ? text : text + (vr === 'UI' ? '\0' : ' '));
  const head = Buffer.alloc(8);
  head.writeUInt16LE(Number.parseInt(group, 16), 0);
  head.writeUInt16LE(Number.parseInt(number, 16), 2);
  head.write(vr, 4);
  head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
}
