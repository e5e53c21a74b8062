/** An instance that was refused or broke off → what its study misses (docs/adr/0015). Pure. */

import { type Dataset, parseReadable } from '@ichor/dicom/dataset';
import type { Keyword } from '@ichor/dicom/keywords';
import { CT_IMAGES } from '@ichor/dicom/sopClasses';
import { isSafeUid } from '@ichor/dicom/uid';
import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import type { NotStored } from '@ichor/store/rows/lostInstance';
import { printable } from './storeInstance.ts';

/** In an ordinary image the UIDs stand in the first kilobytes. */
const HEAD_BYTES = 1_048_576;

/** @param request its chunks are what came of the dataset */
export function notStored(request: StoreRequest): NotStored {
  const uid = uidReader(request);
  const [datasetUid, commandUid] = [uid('SOPInstanceUID'), printable(request.sopInstanceUid).slice(0, 64)];
  return {
    studyInstanceUid: uid('StudyInstanceUID'),
    seriesInstanceUid: uid('SeriesInstanceUID'),
    sopInstanceUid: datasetUid ?? commandUid,
    commandUid,
    hasName: datasetUid !== null || isSafeUid(commandUid),
    isCertain: datasetUid !== null && datasetUid === commandUid,
    canBeCtSlice: canBeCtSlice(request, uid('SOPClassUID')),
    callingAeTitle: printable(request.callingAeTitle),
  };
}

/** By command or dataset; by the presentation context when neither says what it is. */
function canBeCtSlice({ sopClassUid, abstractSyntaxUid }: StoreRequest, datasetClassUid: string | null): boolean {
  if (sopClassUid === '' && datasetClassUid === null) return CT_IMAGES.has(abstractSyntaxUid);
  return CT_IMAGES.has(sopClassUid) || (datasetClassUid !== null && CT_IMAGES.has(datasetClassUid));
}

function uidReader({ chunks, transferSyntaxUid }: StoreRequest): (keyword: Keyword) => string | null {
  const length = chunks.reduce((total, chunk) => total + chunk.length, 0);
  const head = Buffer.concat(chunks as Buffer[], Math.min(HEAD_BYTES, length));
  const dataset: Dataset = parseReadable(head, transferSyntaxUid);
  return (keyword) => {
    try {
      const value = dataset.text(keyword);
      return value !== null && isSafeUid(value) ? value : null;
    } catch {
      return null;
    }
  };
}
