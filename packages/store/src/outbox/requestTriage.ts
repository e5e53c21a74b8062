/** A person asks for a study to be analysed again. */

import { IchorError } from '@ichor/shared/errors';
import type { Database } from '../postgres/database.ts';
import type { TriageJob } from '../queue/jobs.ts';

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
  const { rows } = await database.pool.query(
    `UPDATE study SET request = request + 1, completion = 'complete', completed_at = now(),
                      state = CASE WHEN result_id IS NULL THEN 'queued' ELSE state END
      WHERE study_instance_uid = $1 RETURNING request, priority`,
    [studyInstanceUid],
  );
  if (rows[0] === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return { job: { studyInstanceUid, request: rows[0].request }, priority: rows[0].priority };
}
