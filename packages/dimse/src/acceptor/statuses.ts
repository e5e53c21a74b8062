/** DIMSE statuses of errors. */
import type { IchorError } from '@ichor/shared/errors';

/** C-STORE response status (PS3.4 Table B.2-1, PS3.7 Annex C) of an error. */
export function statusOf(error: IchorError): number {
  const { code } = error;
  if (code === 'SPOOL_FOREIGN' || code === 'FILE_UNREADABLE') return 0xa700;
  if (code === 'DISK_BELOW_FLOOR' || code === 'INSTANCE_TOO_LARGE' || code === 'MEMORY_EXHAUSTED') return 0xa700;
  if (code === 'SOP_CLASS_MISMATCH' || code === 'IDENTITY_MISMATCH') return 0xa900;
  if (code === 'UID_INVALID' || code === 'UID_MISSING' || code === 'DATASET_UNREADABLE') return 0xc000;
  return 0x0110;
}
