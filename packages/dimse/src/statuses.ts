/** DIMSE statuses that Ichor gives and understands: C-STORE PS3.4 table B.2-1, all services PS3.7 annex C. */
import type { ErrorCode } from '@ichor/shared/errors';

export const STATUS = {
  success: 0x0000,
  /** PS3.7 §C.5.7 */
  processingFailure: 0x0110,
  /** PS3.7 §C.5.5: it is there already. */
  duplicateSopInstance: 0x0111,
  /** PS3.4 table B.2-1: A7xx */
  outOfResources: 0xa700,
  /** PS3.4 table B.2-1: A9xx */
  dataSetDoesNotMatchSopClass: 0xa900,
  /** PS3.4 table B.2-1: Cxxx */
  cannotUnderstand: 0xc000,
} as const;

/** B000, B006, B007: stored, with a warning. */
const isWarning = (status: number): boolean => (status & 0xf000) === 0xb000;

/** Whether a C-STORE response says that the instance is there. */
export const meansStored = (status: number): boolean =>
  status === STATUS.success || status === STATUS.duplicateSopInstance || isWarning(status);

/** A7xx: there is no room, which may pass. */
export const isOutOfResources = (status: number): boolean => (status & 0xff00) === STATUS.outOfResources;

const OF_ERRORS: Readonly<Partial<Record<ErrorCode, number>>> = {
  SPOOL_FOREIGN: STATUS.outOfResources,
  FILE_UNREADABLE: STATUS.outOfResources,
  DISK_BELOW_FLOOR: STATUS.outOfResources,
  INSTANCE_TOO_LARGE: STATUS.outOfResources,
  MEMORY_EXHAUSTED: STATUS.outOfResources,
  SOP_CLASS_MISMATCH: STATUS.dataSetDoesNotMatchSopClass,
  IDENTITY_MISMATCH: STATUS.dataSetDoesNotMatchSopClass,
  UID_INVALID: STATUS.cannotUnderstand,
  UID_MISSING: STATUS.cannotUnderstand,
  DATASET_UNREADABLE: STATUS.cannotUnderstand,
};

/** C-STORE response status of an error. */
export const statusOf = ({ code }: { readonly code: ErrorCode }): number => OF_ERRORS[code] ?? STATUS.processingFailure;

/** As operators know it: `A700`. */
export const statusText = (status: number): string => status.toString(16).padStart(4, '0').toUpperCase();
