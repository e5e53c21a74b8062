/** What a fault means for the work that it ended. Pure. */

import { backOffMs } from '@ichor/shared/backOff';
import type { ErrorCode, IchorError } from '@ichor/shared/errors';

/** Faults of what the worker stands on: the work waits for it, however long, and the attempt does not count. */
const INFRASTRUCTURE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DATABASE_UNAVAILABLE',
  'QUEUE_UNAVAILABLE',
  'SPOOL_FOREIGN',
  'OBJECTS_UNWRITABLE',
  // Another worker was quicker: what it saved stands.
  'STUDY_CHANGED',
]);

/** `infrastructure`: waits; `storage`: waits, no longer than the maximum age; `passing`: tried again, a few times; `lasting`: tried no more. */
export type FaultKind = 'infrastructure' | 'storage' | 'passing' | 'lasting';

export function kindOf({ code, retryable }: IchorError): FaultKind {
  if (INFRASTRUCTURE.has(code)) return 'infrastructure';
  if (code === 'FILE_UNREADABLE') return 'storage';
  return retryable ? 'passing' : 'lasting';
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

/** Doubles with each attempt, from 1 s to 15 s. @param attempt from 1 */
export const pauseMs = (attempt: number): number => backOffMs(FIRST_PAUSE_MS, attempt - 1, LONGEST_PAUSE_MS);
