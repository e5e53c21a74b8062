/** The dataset of a storage commitment N-EVENT-REPORT (PS3.4 §J.3.3). */

import type { Dataset } from '@ichor/dicom/dataset';
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { IchorError } from '@ichor/shared/errors';

/** Transaction UID, Referenced SOP Sequence, Failed SOP Sequence. @throws IchorError UID_MISSING */
export function commitmentReportOf(dataset: Dataset): CommitmentReport {
  const transactionUid = dataset.text('x00081195');
  if (transactionUid === null) throw new IchorError('UID_MISSING', { name: 'Transaction UID' });
  return {
    transactionUid,
    succeeded: dataset.items('x00081199').map(referencedInstance),
    failed: dataset.items('x00081198').map((item) => ({
      sopInstanceUid: referencedInstance(item),
      reason: item.number('x00081197', 'US') ?? 0,
    })),
  };
}

const referencedInstance = (item: Dataset): string => item.text('x00081155') ?? '';
