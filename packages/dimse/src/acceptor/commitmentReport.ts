/** The dataset of a storage commitment N-EVENT-REPORT (PS3.4 §J.3.3). */

import type { Dataset } from '@ichor/dicom/dataset';
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { IchorError } from '@ichor/shared/errors';

/** Transaction UID, Referenced SOP Sequence, Failed SOP Sequence. @throws IchorError UID_MISSING */
export function commitmentReportOf(dataset: Dataset): CommitmentReport {
  const transactionUid = dataset.text('TransactionUID');
  if (transactionUid === null) throw new IchorError('UID_MISSING', { name: 'Transaction UID' });
  return {
    transactionUid,
    succeeded: dataset.items('ReferencedSOPSequence').map(referencedInstance),
    failed: dataset.items('FailedSOPSequence').map((item) => ({
      sopInstanceUid: referencedInstance(item),
      reason: item.number('FailureReason', 'US') ?? 0,
    })),
  };
}

const referencedInstance = (item: Dataset): string => item.text('ReferencedSOPInstanceUID') ?? '';
