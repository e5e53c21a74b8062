/** A person asks for a study to be analysed again. */

import type { Database } from '../postgres/database.ts';
import type { TriageJob } from '../queue/jobs.ts';
import { makeDue } from '../rows/completion.ts';

/**
 * Makes the study due, whether it was complete or not. The row alone suffices: the receiver's reconciler adds the job
 * if nobody does.
 * @returns the job to add, and its priority
 * @throws IchorError STUDY_UNKNOWN
 */
export async function requestTriage(
  database: Database,
  studyInstanceUid: string,
): Promise<{ job: TriageJob; priority: number }> {
  const { request, priority } = await makeDue(database, studyInstanceUid);
  return { job: { studyInstanceUid, request }, priority };
}
