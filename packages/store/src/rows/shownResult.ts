/**
 * The analysis of a study as its row tells it (table `study`): taken, hindered, and what it shows in the end.
 *
 *   queued → analysing                 claimStudy; a study that has a result shows that until the next one
 *   → flagged, clear, not-analysed, failed   showResult; markFailed when no result can be stored
 *
 * Each function is one change.
 */
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { TriageJob } from '../queue/jobs.ts';
import { numberOrNull } from './study.ts';

/** The study as the worker takes it: its last result, and how often this request was tried, with this attempt. */
export type ClaimedStudy = {
  readonly resultId: number | null;
  /** Analyses begun. */
  readonly attempts: number;
  /** Of those before this one, how many a fault of the analysis itself ended. */
  readonly faults: number;
};

/**
 * Takes the study for analysis and counts the attempt. Null when the job is outdated: a later completion will analyse it, or it
 * is done. @param counts false when the attempt before did not come to anything for want of what the worker stands on
 */
export async function claimStudy(database: Database, job: TriageJob, counts: boolean): Promise<ClaimedStudy | null> {
  const { rows } = await database.pool.query(
    `UPDATE study SET analysing_at = now(), state = CASE WHEN result_id IS NULL THEN 'analysing' ELSE state END,
                      attempts = CASE WHEN attempted_request = $2 THEN attempts + $3 ELSE 1 END,
                      faults = CASE WHEN attempted_request = $2 THEN faults ELSE 0 END,
                      unreadable_since = CASE WHEN attempted_request = $2 THEN unreadable_since END, attempted_request = $2
      WHERE study_instance_uid = $1 AND request = $2 AND analysed_request < $2 RETURNING result_id, attempts, faults`,
    [job.studyInstanceUid, job.request, counts ? 1 : 0],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { resultId: numberOrNull(row.result_id), attempts: row.attempts, faults: row.faults };
}

/** A fault of the analysis itself ended the attempt. */
export async function noteFault(database: Database, { studyInstanceUid, request }: TriageJob): Promise<void> {
  await database.pool.query(
    'UPDATE study SET faults = faults + 1 WHERE study_instance_uid = $1 AND attempted_request = $2',
    [studyInstanceUid, request],
  );
}

/** The study's files cannot be read. @returns for how long that has been so, in ms */
export async function noteUnreadable(database: Database, { studyInstanceUid, request }: TriageJob): Promise<number> {
  const { rows } = await database.pool.query(
    `UPDATE study SET unreadable_since = least(unreadable_since, now()) WHERE study_instance_uid = $1 AND attempted_request = $2
     RETURNING extract(epoch FROM now() - unreadable_since)::float8 * 1000 AS since_ms`,
    [studyInstanceUid, request],
  );
  return rows[0]?.since_ms ?? 0;
}

/** When a failed result cannot be stored either: the study alone says it, so that nobody waits for it. */
export async function markFailed(database: Database, job: TriageJob, errorCode: string): Promise<void> {
  await database.pool.query(
    `UPDATE study SET state = 'failed', reason = NULL, error_code = $3, resulted_at = now(), analysed_request = greatest(analysed_request, $2)
      WHERE study_instance_uid = $1`,
    [job.studyInstanceUid, job.request, errorCode],
  );
}

/** @returns seconds between the study's last instance and its result */
export async function showResult(client: DatabaseClient, job: TriageJob, resultId: number): Promise<number> {
  const { rows } = await client.query(
    `UPDATE study SET state = r.state, reason = r.reason, error_code = r.error_code, revision = r.revision, result_id = r.result_id,
                      resulted_at = CASE WHEN study.result_id = r.result_id THEN study.resulted_at ELSE now() END,
                      delivered_at = CASE WHEN study.result_id = r.result_id THEN study.delivered_at END,
                      analysed_request = greatest(analysed_request, $2)
       FROM result r WHERE study.study_instance_uid = $1 AND r.result_id = $3
     RETURNING extract(epoch FROM study.resulted_at - study.last_instance_at)::float8 AS seconds`,
    [job.studyInstanceUid, job.request, resultId],
  );
  return rows[0].seconds;
}

/** The study is delivered once nothing of its result is pending and something was stored. */
export async function studyDelivered(database: Database, resultId: number): Promise<void> {
  await database.pool.query(
    `UPDATE study SET delivered_at = now()
      WHERE result_id = $1 AND delivered_at IS NULL
        AND NOT EXISTS (SELECT FROM delivery WHERE result_id = $1 AND state IN ('pending', 'dead'))
        AND EXISTS (SELECT FROM delivery WHERE result_id = $1)`,
    [resultId],
  );
}
