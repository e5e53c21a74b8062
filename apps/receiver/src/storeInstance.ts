/** One C-STORE request with its bytes → a durable instance and a DIMSE status (PS3.4 §B.2.3). */

import type { Dataset } from '@ichor/dicom/dataset';
import { readDataset } from '@ichor/dicom/dataset';
import type { Keyword } from '@ichor/dicom/keywords';
import { isOwnObject } from '@ichor/dicom/ownObjects';
import { part10Header } from '@ichor/dicom/part10';
import { CT_IMAGES, isStorage } from '@ichor/dicom/sopClasses';
import { isSafeUid } from '@ichor/dicom/uid';
import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import { statusOf } from '@ichor/dimse/statuses';
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import type { Spool } from '@ichor/store/files/spool';
import type { IndexedHeader, StoredInstance } from '@ichor/store/rows/instance';

/** What became of it. `own` and `ignored` are answered with Success and not stored. */
export type StoreOutcome =
  | { readonly kind: 'new' | 'identical' | 'conflict'; readonly instance: StoredInstance }
  | { readonly kind: 'own' | 'ignored' };

/** Returns when the bytes are durable. @throws IchorError; {@link statusOf} gives its status */
export async function storeInstance(
  request: StoreRequest,
  spool: Spool,
  config: Pick<Config, 'otherStorage' | 'maxInstanceBytes'>,
): Promise<StoreOutcome> {
  checkCommand(request);
  const dataset = await checkedDataset(request, config.maxInstanceBytes);
  const identity = identityOf(dataset, request);
  if (isOwnObject(dataset)) return { kind: 'own' };
  if (config.otherStorage === 'ignore' && !CT_IMAGES.has(request.sopClassUid)) return { kind: 'ignored' };
  const { reference, outcome, sizeBytes } = await spool.store({
    ...identity,
    chunks: [part10Header(request), ...request.chunks],
  });
  const { sopClassUid, transferSyntaxUid, callingAeTitle } = request;
  return {
    kind: outcome,
    instance: {
      ...identity,
      sopClassUid,
      transferSyntaxUid,
      callingAeTitle,
      spoolPath: reference,
      sizeBytes,
      header: indexedHeader(dataset),
    },
  };
}

/**
 * The dataset, checked to its last element and not copied: one that ends early was cut on its way, and is not acknowledged.
 * A deflated one is bounded as it would be in the clear.
 * @throws IchorError DATASET_UNREADABLE, INSTANCE_TOO_LARGE, MEMORY_EXHAUSTED
 */
function checkedDataset(request: StoreRequest, limitBytes: number): Promise<Dataset> {
  const { chunks, transferSyntaxUid, takeMemory } = request;
  return readDataset(chunks, transferSyntaxUid, 'count', {
    inflated(totalBytes) {
      if (totalBytes > limitBytes) throw new IchorError('INSTANCE_TOO_LARGE', { limitBytes });
    },
    kept(bytes) {
      if (takeMemory?.(bytes) === false) throw new IchorError('MEMORY_EXHAUSTED');
    },
  });
}

function checkCommand({ sopClassUid, abstractSyntaxUid, sopInstanceUid }: StoreRequest): void {
  if (sopClassUid !== abstractSyntaxUid || !isStorage(sopClassUid))
    throw new IchorError('SOP_CLASS_MISMATCH', { sopClassUid, abstractSyntaxUid });
  if (!isSafeUid(sopInstanceUid))
    throw new IchorError('UID_INVALID', { name: 'Affected SOP Instance UID', uid: printable(sopInstanceUid) });
}

/** The UIDs that name an instance; command and dataset must agree. */
export function identityOf(dataset: Dataset, command: Pick<StoreRequest, 'sopClassUid' | 'sopInstanceUid'>) {
  const uid = (name: string, keyword: Keyword): string => {
    const value = dataset.text(keyword);
    if (value === null) throw new IchorError('UID_MISSING', { name });
    if (!isSafeUid(value)) throw new IchorError('UID_INVALID', { name, uid: printable(value) });
    return value;
  };
  const sopInstanceUid = uid('SOP Instance UID', 'SOPInstanceUID');
  const sopClassUid = uid('SOP Class UID', 'SOPClassUID');
  if (sopInstanceUid !== command.sopInstanceUid)
    throw new IchorError('IDENTITY_MISMATCH', {
      name: 'SOP Instance UID',
      dataset: sopInstanceUid,
      command: command.sopInstanceUid,
    });
  if (sopClassUid !== command.sopClassUid)
    throw new IchorError('IDENTITY_MISMATCH', {
      name: 'SOP Class UID',
      dataset: sopClassUid,
      command: command.sopClassUid,
    });
  return {
    studyInstanceUid: uid('Study Instance UID', 'StudyInstanceUID'),
    seriesInstanceUid: uid('Series Instance UID', 'SeriesInstanceUID'),
    sopInstanceUid,
  };
}

export const printable = (text: string): string => text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?');

/** Devices exceed what PS3.5 §6.2 allows; a column is no place for a megabyte. */
const LONGEST_TEXT = 1_024;

export function indexedHeader(dataset: Dataset): IndexedHeader {
  const text = (keyword: Keyword): string | null => dataset.text(keyword)?.slice(0, LONGEST_TEXT) ?? null;
  return {
    accessionNumber: text('AccessionNumber'),
    patientId: text('PatientID'),
    patientName: text('PatientName'),
    studyDate: text('StudyDate'),
    studyDescription: text('StudyDescription'),
    modality: text('Modality'),
    seriesDescription: text('SeriesDescription'),
    requestedProcedurePriority: text('RequestedProcedurePriority'),
  };
}
