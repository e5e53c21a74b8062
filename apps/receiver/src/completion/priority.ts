/** How soon a study is analysed. */
import { PRIORITY } from '@ichor/store/queue/jobs';
import type { StoredInstance } from '@ichor/store/rows/instance';

/** Requested Procedure Priority (PS3.3 C.4.11: STAT, HIGH, ROUTINE, MEDIUM, LOW), or an emergency scanner's AE title. */
export function priorityOf(
  instance: Pick<StoredInstance, 'header' | 'callingAeTitle'>,
  priorityCallers: readonly string[],
): number {
  if (instance.header.requestedProcedurePriority === 'STAT' || priorityCallers.includes(instance.callingAeTitle))
    return PRIORITY.stat;
  return instance.header.requestedProcedurePriority === 'HIGH' ? PRIORITY.high : PRIORITY.routine;
}
