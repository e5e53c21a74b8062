/**
 * ★ One triage job, from the study's files in the spool to its flag in the database; report and heat maps follow.
 *
 *   1. The study is claimed, and the attempt counted in its row, before anything of it is read.
 *   2. It is analysed.
 *   3. What is known to be missing decides with (incomplete.ts): the study may have to wait. Findings, flag and notification rows are committed in one transaction, with the note that its objects are due.
 *   4. Report and heat maps are written to disk and due to the destinations (objects/writeDueObjects.ts). Nothing that goes
 *      wrong here touches the flag.
 *
 * A fault ends the attempt in one of four ways. Of what the worker stands on (database, queue): the job waits for it, however
 * long, and the attempt does not count. A file of the spool that cannot be read: the same, with an incident, and no longer than
 * the maximum age. Of the analysis, and it may pass: tried once more. Any other, or the second, or
 * an analysis that was begun many times and never ended because its worker was killed: the study is `failed`, with an incident.
 * To say so needs nothing of the study's files.
 *
 * Every step may be repeated without harm: derived UIDs follow from the input, the result is keyed by study, input and model,
 * and jobs are added again from their rows.
 */

import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import type { Inference } from '@ichor/analysis/inference/inference';
import type { Config } from '@ichor/settings/config';
import { asIchorError, IchorError, reasonOf } from '@ichor/shared/errors';
import { type FailedResult, NOTHING_FOUND, type TriageResult } from '@ichor/shared/study';
import type { Spool } from '@ichor/store/files/spool';
import { enqueueNotifications } from '@ichor/store/outbox/enqueueNotifications';
import { type Conclusion, type SavedResult, saveResult } from '@ichor/store/outbox/saveResult';
import type { Database } from '@ichor/store/postgres/database';
import type { TriageJob } from '@ichor/store/queue/jobs';
import type { Queues } from '@ichor/store/queue/queues';
import type { Incident } from '@ichor/store/rows/incident';
import { studyInput } from '@ichor/store/rows/instance';
import { type ClaimedStudy, claimStudy, markFailed, noteFault, noteUnreadable } from '@ichor/store/rows/shownResult';
import type { Log } from '@ichor/telemetry/log';
import { metrics } from '@ichor/telemetry/metrics';
import { databaseFeatureCache } from './databaseFeatureCache.ts';
import { kindOf } from './faults.ts';
import { answerFor } from './incomplete.ts';
import { lanesOf } from './notification/lanes.ts';
import { writeNewObjects } from './objects/writeDueObjects.ts';

export type TriageContext = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly queues: Queues;
  readonly spool: Spool;
  readonly inference: Inference;
  readonly recordIncident: (incident: Incident) => void;
};

/** A fault of the analysis itself ends it when it comes so often. */
const MOST_FAULTS = 2;
/** An analysis that was begun so often and never came to an end kills its worker. */
const MOST_ATTEMPTS = 6;

/**
 * Runs a triage job to a result, `failed` at the worst.
 * @param counts see claimStudy
 * @throws IchorError when the job must run again
 */
export async function triageStudy(context: TriageContext, job: TriageJob, counts: boolean): Promise<void> {
  const claimed = await claimStudy(context.database, job, counts);
  if (claimed === null) return;
  const started = performance.now();
  const concluded = await analyse(context, job, claimed).catch((thrown: unknown) =>
    fail(context, job, claimed, asIchorError(thrown)),
  );
  if (concluded !== null) await publish(context, concluded);
  metrics.triage('total', secondsSince(started));
}

const secondsSince = (from: number): number => (performance.now() - from) / 1000;

/** What was saved; `analysed` is null when the study could not be analysed. */
type Concluded = {
  readonly saved: SavedResult;
  readonly result: TriageResult;
  readonly analysed: AnalysedStudy | null;
};

/** @returns null when the study already had this result, or must wait. @throws IchorError and anything that a study can provoke */
async function analyse(context: TriageContext, job: TriageJob, claimed: ClaimedStudy): Promise<Concluded | null> {
  const { config, database, inference, spool } = context;
  if (claimed.attempts > MOST_ATTEMPTS) throw abandoned(job, claimed);
  const started = performance.now();
  const { paths, until } = await studyInput(database, job.studyInstanceUid);
  const tools = { inference, features: databaseFeatureCache(database), files: spool.files };
  const analysed = await analyseStudy(job.studyInstanceUid, paths, tools);
  metrics.triage('analysis', secondsSince(started));
  const conclusion = await saveResult(database, job, claimed, analysed.result, until, lanesOf(config), answerFor);
  return conclude(context, conclusion, analysed);
}

function conclude({ log }: TriageContext, conclusion: Conclusion, analysed: AnalysedStudy | null): Concluded | null {
  const { outcome, result, saved } = conclusion;
  if (outcome === 'waiting') log.event('study.waiting', { studyInstanceUid: result.studyInstanceUid });
  return saved === null ? null : { saved, result, analysed };
}

const abandoned = ({ studyInstanceUid }: TriageJob, { attempts }: ClaimedStudy): IchorError =>
  new IchorError('ANALYSIS_ABANDONED', { studyInstanceUid, attempts: attempts - 1 });

/** Ends the study as `failed`, unless the job must wait or may be tried once more. @throws the error then */
async function fail(
  context: TriageContext,
  job: TriageJob,
  claimed: ClaimedStudy,
  error: IchorError,
): Promise<Concluded | null> {
  const kind = kindOf(error);
  if (kind === 'infrastructure') throw error;
  if (kind === 'storage' && (await noteUnreadable(context.database, job)) < context.config.maxAgeMs) {
    recordFault(context, job, error);
    throw error;
  }
  if (kind === 'passing' && claimed.faults + 1 < MOST_FAULTS && (await isNoted(context, job))) throw error;
  const concluded = await saveFailure(context, job, claimed, error);
  recordFault(context, job, error);
  return concluded;
}

const recordFault = ({ recordIncident }: TriageContext, { studyInstanceUid }: TriageJob, error: IchorError): void =>
  recordIncident({ code: error.code, message: error.message, studyInstanceUid });

/** Only a fault that is counted may be followed by another try. @throws IchorError of kind `infrastructure` */
async function isNoted({ database }: TriageContext, job: TriageJob): Promise<boolean> {
  try {
    await noteFault(database, job);
    return true;
  } catch (thrown) {
    const hindrance = asIchorError(thrown);
    if (kindOf(hindrance) === 'infrastructure') throw hindrance;
    return false;
  }
}

/** @throws IchorError of kind `infrastructure`; whatever else hinders the result, the study itself says `failed` */
async function saveFailure(
  context: TriageContext,
  job: TriageJob,
  claimed: ClaimedStudy,
  error: IchorError,
): Promise<Concluded | null> {
  const { config, database, inference } = context;
  const result = failedResult(job, inference.model, error);
  try {
    const conclusion = await saveResult(database, job, claimed, result, null, lanesOf(config), answerFor);
    return conclude(context, conclusion, null);
  } catch (thrown) {
    const hindrance = asIchorError(thrown);
    if (kindOf(hindrance) === 'infrastructure') throw hindrance;
    await markFailed(database, job, error.code);
    return null;
  }
}

/** Rests on nothing of the study. */
const failedResult = (job: TriageJob, model: Inference['model'], error: IchorError): FailedResult => ({
  ...NOTHING_FOUND,
  studyInstanceUid: job.studyInstanceUid,
  inputDigest: `failed ${job.request}`,
  model,
  state: 'failed',
  reason: null,
  series: [],
  errorCode: error.code,
});

/** The result stands: what follows may fail, and is taken up from its rows then. */
async function publish(context: TriageContext, { saved, result, analysed }: Concluded): Promise<void> {
  const { database, log, queues } = context;
  log.event('study.result', {
    studyInstanceUid: result.studyInstanceUid,
    state: result.state,
    reason: result.reason?.code ?? result.errorCode ?? 'none',
  });
  metrics.result(result.state);
  metrics.timeToResult(saved.sinceLastInstanceSeconds);
  await enqueueNotifications(database, queues).catch((error: unknown) =>
    log.event('queue.lost', { reason: reasonOf(error) }),
  );
  await writeNewObjects(context, saved.resultId, analysed);
}
