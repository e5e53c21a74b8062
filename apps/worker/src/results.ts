/** Findings, flag and notification rows: one transaction (DESIGN §1, rules 2 and 3). One statement per function. */

import type { NotificationLane } from '@ichor/settings/notificationSettings';
import { IchorError } from '@ichor/shared/errors';
import { jsonb } from '@ichor/shared/storable';
import type { TriageResult } from '@ichor/shared/study';
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';
import type { TriageJob } from '@ichor/store/queue/jobs';
import { OBJECTS_LEASE_MS } from '@ichor/store/rows/derivedObject';
import { insertNotifications } from '@ichor/store/rows/notification';
import { type Arrived, answerFor } from './incomplete.ts';

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

/** The instances of a study that one analysis takes. `until` (text of a timestamptz): when the last of them came; null when there is none. */
export type StudyInput = { readonly paths: readonly string[]; readonly until: string | null };

/** Spool paths of every image-bearing instance of a study, in the order of arrival. @param until as of then; null: as of now */
export async function studyInput(
  database: Database,
  studyInstanceUid: string,
  until: string | null = null,
): Promise<StudyInput> {
  const { rows } = await database.pool.query(
    `SELECT max(received_at)::text AS until, coalesce(array_agg(spool_path ORDER BY received_at, spool_path), '{}') AS paths
       FROM instance WHERE study_instance_uid = $1 AND ($2::timestamptz IS NULL OR received_at <= $2::timestamptz)`,
    [studyInstanceUid, until],
  );
  return rows[0];
}

/** The result with this very input and model, if the study has one: then nothing needs to be made again. */
async function findResult(client: DatabaseClient, result: TriageResult): Promise<number | null> {
  const { rows } = await client.query(
    'SELECT result_id FROM result WHERE study_instance_uid = $1 AND input_digest = $2 AND model_sha256 = $3',
    [result.studyInstanceUid, result.inputDigest, result.model.sha256],
  );
  return rows[0] === undefined ? null : Number(rows[0].result_id);
}

/** What became of a result: it may say something else than the analysis where instances are known to be missing. */
export type Conclusion = {
  /** `kept`: the study had this result already. `waiting`: nothing is said of the study until what is missing comes. */
  readonly outcome: 'saved' | 'kept' | 'waiting';
  readonly result: TriageResult;
  /** Of one that was saved. */
  readonly saved: SavedResult | null;
};
export type SavedResult = { readonly resultId: number; readonly sinceLastInstanceSeconds: number };

/**
 * Decides what may be said of the study (incomplete.ts), by what is known to be missing now; stores that and the study's flag, and that report and heat maps are due: one small transaction, before anything is written
 * to a disk.
 * @param seen the study as claimed; if another revision came in between, nothing is stored and the job runs again
 * @param until see {@link StudyInput}
 * @param lanes who is told of it
 * @throws IchorError STUDY_CHANGED
 */
export async function saveResult(
  database: Database,
  job: TriageJob,
  seen: ClaimedStudy,
  result: TriageResult,
  until: string | null,
  lanes: readonly NotificationLane[],
): Promise<Conclusion> {
  return database.transaction(async (client) => {
    const study = await lockStudy(client, job.studyInstanceUid);
    const answer = answerFor(result, await whatArrived(client, job.studyInstanceUid));
    if (answer === 'wait') {
      await waitForMissing(client, job);
      return { outcome: 'waiting', result, saved: null };
    }
    const known = await findResult(client, answer);
    if (known !== null) {
      await keepResult(client, job, known, lanes);
      return { outcome: 'kept', result: answer, saved: null };
    }
    if (study.resultId !== seen.resultId)
      throw new IchorError('STUDY_CHANGED', { studyInstanceUid: job.studyInstanceUid });
    if (answer.incomplete) await recallClear(client, study.resultId);
    const resultId = await insertResult(client, answer, study, until);
    const sinceLastInstanceSeconds = await showResult(client, job, resultId, lanes);
    return { outcome: 'saved', result: answer, saved: { resultId, sinceLastInstanceSeconds } };
  });
}

/** The receiver locks the study's row too before it notes a loss: what it notes later has the study decided again. */
async function whatArrived(client: DatabaseClient, studyInstanceUid: string): Promise<Arrived> {
  const { rows } = await client.query(
    `SELECT incompleteness(s.study_instance_uid) AS incomplete, s.at_max_age, coalesce(r.state = 'clear', false) AS was_clear,
            EXISTS (SELECT FROM transfer t WHERE t.study_instance_uid = s.study_instance_uid AND t.ended_at IS NULL
                       AND t.seen_at BETWEEN now() - interval '2 seconds' AND now() + interval '2 seconds') AS under_way
       FROM study s LEFT JOIN result r USING (result_id) WHERE s.study_instance_uid = $1`,
    [studyInstanceUid],
  );
  const { incomplete, at_max_age: isFinal, was_clear: wasClear, under_way: isUnderWay } = rows[0];
  return { incomplete, isFinal, wasClear, isUnderWay };
}

/** Nobody who was not told yet is told any more that a study was clear of which instances are now known to be missing. */
async function recallClear(client: DatabaseClient, formerResultId: number | null): Promise<void> {
  await client.query(
    `DELETE FROM notification n USING result r
      WHERE r.result_id = $1 AND n.result_id = r.result_id AND r.state = 'clear' AND n.state = 'pending' AND n.attempts = 0
        AND n.claimed_until <= now()`,
    [formerResultId],
  );
}

/** Open again without a quiet period; a study to which instances came meanwhile is open already, with one. */
async function waitForMissing(client: DatabaseClient, job: TriageJob): Promise<void> {
  await client.query(
    `UPDATE study SET waiting = completion = 'complete', completion = 'open', analysed_request = greatest(analysed_request, $2),
                      state = CASE WHEN result_id IS NULL THEN 'receiving' ELSE state END
      WHERE study_instance_uid = $1`,
    [job.studyInstanceUid, job.request],
  );
}

/** When a failed result cannot be stored either: the study alone says it, so that nobody waits for it. */
export async function markFailed(database: Database, job: TriageJob, errorCode: string): Promise<void> {
  await database.pool.query(
    `UPDATE study SET state = 'failed', reason = NULL, error_code = $3, resulted_at = now(), analysed_request = greatest(analysed_request, $2)
      WHERE study_instance_uid = $1`,
    [job.studyInstanceUid, job.request, errorCode],
  );
}

/** The study goes (back) to a result that it already has. */
async function keepResult(
  client: DatabaseClient,
  job: TriageJob,
  resultId: number,
  lanes: readonly NotificationLane[],
): Promise<void> {
  await retryObjects(client, resultId);
  await showResult(client, job, resultId, lanes);
}

/** Who asks for a study again asks for the report that could not be written, too. */
async function retryObjects(client: DatabaseClient, resultId: number): Promise<void> {
  await client.query(
    `UPDATE result SET objects = 'due', objects_attempts = 0, objects_due_at = now(), objects_error = NULL
      WHERE result_id = $1 AND objects = 'failed'`,
    [resultId],
  );
}

async function lockStudy(client: DatabaseClient, studyInstanceUid: string) {
  const { rows } = await client.query(
    'SELECT result_id, revision FROM study WHERE study_instance_uid = $1 FOR UPDATE',
    [studyInstanceUid],
  );
  if (rows[0] === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return {
    resultId: numberOrNull(rows[0].result_id),
    revision: rows[0].revision as number,
  };
}

async function insertResult(
  client: DatabaseClient,
  result: TriageResult,
  former: { readonly resultId: number | null; readonly revision: number },
  until: string | null,
): Promise<number> {
  const { rows } = await client.query(
    `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256,
                         state, reason, error_code, findings, key_slices, slice_scores, heatmaps, series,
                         former_result_id, input_until, incomplete, objects, objects_due_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::timestamptz, $17, 'due',
             now() + $18 * interval '1 millisecond') RETURNING result_id`,
    [
      result.studyInstanceUid,
      former.revision + 1,
      result.inputDigest,
      result.model.name,
      result.model.version,
      result.model.sha256,
      result.state,
      jsonb(result.reason),
      result.errorCode,
      jsonb(result.findings),
      jsonb(result.keySlices),
      jsonb(result.sliceScores),
      jsonb(result.heatmaps),
      jsonb(result.series),
      former.resultId,
      until,
      jsonb(result.incomplete ?? null),
      OBJECTS_LEASE_MS,
    ],
  );
  return Number(rows[0].result_id);
}

/** @returns seconds between the study's last instance and its result */
async function showResult(
  client: DatabaseClient,
  job: TriageJob,
  resultId: number,
  lanes: readonly NotificationLane[],
): Promise<number> {
  await insertNotifications(client, job.studyInstanceUid, resultId, lanes);
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

const numberOrNull = (value: string | number | null): number | null => (value === null ? null : Number(value));
