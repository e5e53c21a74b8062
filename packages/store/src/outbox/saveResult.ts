/** Findings, flag and notification rows: one transaction. */
import type { NotificationLane } from '@ichor/settings/notificationSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Incompleteness } from '@ichor/shared/incompleteness';
import type { TriageResult } from '@ichor/shared/study';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { TriageJob } from '../queue/jobs.ts';
import { waitForMissing } from '../rows/completion.ts';
import { retryObjects } from '../rows/dueObjects.ts';
import { insertNotifications, recallClear } from '../rows/notification.ts';
import { findResult, insertResult } from '../rows/result.ts';
import { type ClaimedStudy, showResult } from '../rows/shownResult.ts';
import { lockStudy } from '../rows/study.ts';

/** What the transaction that saves a result finds. */
export type Arrived = {
  readonly incomplete: Incompleteness | null;
  /** An association that sent to the study is open. */
  readonly isUnderWay: boolean;
  /** The study was completed by its maximum age: nothing is waited for any more. */
  readonly isFinal: boolean;
  /** Its last result is `clear`, which people were told: that must not wait. */
  readonly wasClear: boolean;
};

/** What may be said of a study, or that it must wait. Pure. */
export type Decide = (result: TriageResult, arrived: Arrived) => TriageResult | 'wait';

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
 * Has `decide` say what may be said of the study, by what is known to be missing now; stores that and the study's flag, and that
 * report and heat maps are due: one small transaction, before anything is written to a disk.
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
  decide: Decide,
): Promise<Conclusion> {
  return database.transaction(async (client) => {
    const study = await lockStudy(client, job.studyInstanceUid);
    const answer = decide(result, await whatArrived(client, job.studyInstanceUid));
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
    const sinceLastInstanceSeconds = await notifyAndShow(client, job, resultId, lanes);
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

/** The study goes (back) to a result that it already has. */
async function keepResult(
  client: DatabaseClient,
  job: TriageJob,
  resultId: number,
  lanes: readonly NotificationLane[],
): Promise<void> {
  await retryObjects(client, resultId);
  await notifyAndShow(client, job, resultId, lanes);
}

/** @returns seconds between the study's last instance and its result */
async function notifyAndShow(
  client: DatabaseClient,
  job: TriageJob,
  resultId: number,
  lanes: readonly NotificationLane[],
): Promise<number> {
  await insertNotifications(client, job.studyInstanceUid, resultId, lanes);
  return showResult(client, job, resultId);
}
