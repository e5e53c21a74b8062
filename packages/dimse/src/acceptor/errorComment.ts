/** Error Comment (0000,0902) of a refusal: within 64 characters the reason, not the sentence around it. Pure. */
import type { ErrorCode, Facts, IchorError } from '@ichor/shared/errors';

/** The errors whose reason is not in the fact `reason`. */
const COMMENTS: Partial<Record<ErrorCode, (facts: Facts) => string>> = {
  UID_INVALID: ({ name, uid }) => `${name} is no valid UID: ${uid}`,
  UID_MISSING: ({ name }) => `no ${name} in the dataset`,
  IDENTITY_MISMATCH: ({ name }) => `${name}: dataset and command differ`,
  SOP_CLASS_MISMATCH: () => "SOP Class is not the presentation context's",
  INSTANCE_TOO_LARGE: ({ limitBytes }) => `larger than ${limitBytes} bytes`,
  MEMORY_EXHAUSTED: () => 'too much is being received at once; send again later',
  SPOOL_FOREIGN: () => 'the spool is not the one of the database',
  DISK_BELOW_FLOOR: ({ freeBytes }) => `disk full: ${freeBytes} bytes free`,
};

/** Shortened from the end by whoever writes it. */
export const errorComment = ({ code, facts, message }: IchorError): string =>
  COMMENTS[code]?.(facts) ?? (facts['reason'] === undefined ? message : String(facts['reason']));
