/**
 * ★ Report and heat maps of results that are committed: written to disk, then due to the destinations.
 *
 *   due → written   the objects are on disk, and their delivery rows stand
 *   due → due       the disk, the spool or the database is away or full: tried again without an end, reported once;
 *                   any other fault that may pass: tried again after a pause that doubles, a few times
 *   due → failed    a report that its attributes do not allow, or that was tried too often: an incident; asking for the
 *                   study again makes it due again
 *
 * The worker that analysed the study has all that they are made of in memory. When it dies, or the disk takes nothing, they are
 * made from the spool again: the features are cached, and derived UIDs follow from the input, so that a repeat is harmless.
 * An attempt is counted before it begins: a worker that dies of one does not forget it.
 */

import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import { readHeaders } from '@ichor/analysis/volume/readHeaders';
import { sourceIdentity } from '@ichor/analysis/volume/sourceIdentity';
import { type DerivedObject, writeObjects } from '@ichor/report/writeObjects';
import { backOffMs } from '@ichor/shared/backOff';
import { asIchorError, IchorError, reasonOf } from '@ichor/shared/errors';
import type { FoundResult, TriageResult } from '@ichor/shared/study';
import { deliveryJobId, deliveryQueue } from '@ichor/store/queue/jobs';
import { reportOf } from '@ichor/store/rows/derivedObject';
import {
  claimObjects,
  type DueObjects,
  holdObjects,
  LONGEST_PAUSE_MS,
  markUnwritable,
  OBJECTS_LEASE_MS,
  postponeObjects,
  saveObjects,
} from '@ichor/store/rows/dueObjects';
import { studyInput } from '@ichor/store/rows/instance';
import { metrics } from '@ichor/telemetry/metrics';
import { databaseFeatureCache } from '../databaseFeatureCache.ts';
import { kindOf } from '../faults.ts';
import { withIncompleteness } from '../incomplete.ts';
import type { TriageContext } from '../triageStudy.ts';
import { checkWritable, storeObjects } from './objectFiles.ts';

const MOST_ATTEMPTS = 5;
const PAUSE_MS = 15_000;

/** The objects of a result that this worker just saved. Never throws. @param analysed when the study was analysed to its end */
export async function writeNewObjects(
  context: TriageContext,
  resultId: number,
  analysed: AnalysedStudy | null,
): Promise<void> {
  const due = await claimObjects(context.database, resultId).catch((error: unknown) => lost(context, error));
  if (due !== null) await produce(context, due, analysed);
}

/** The objects of every result whose time has come. Never throws. */
export async function writeDueObjects(context: TriageContext, closing: () => boolean): Promise<void> {
  while (!closing()) {
    const due = await claimObjects(context.database).catch((error: unknown) => lost(context, error));
    if (due === null) return;
    await produce(context, due, null);
  }
}

const lost = ({ log }: TriageContext, error: unknown): null => {
  log.event('database.lost', { reason: reasonOf(error) });
  return null;
};

async function produce(context: TriageContext, due: DueObjects, analysed: AnalysedStudy | null): Promise<void> {
  const started = performance.now();
  const beat = setInterval(() => void holdObjects(context.database, due).catch(() => {}), OBJECTS_LEASE_MS / 3);
  try {
    await write(context, due, analysed);
    metrics.triage('objects', (performance.now() - started) / 1000);
  } catch (thrown) {
    await settle(context, due, asIchorError(thrown)).catch((error: unknown) => lost(context, error));
  } finally {
    clearInterval(beat);
  }
}

async function write(context: TriageContext, due: DueObjects, analysed: AnalysedStudy | null): Promise<void> {
  const { config, database } = context;
  const { studyInstanceUid, result } = due;
  if (due.attempts > MOST_ATTEMPTS || result === null) throw unwritable(due);
  await checkWritable(config, studyInstanceUid);
  const source = await sourceOf(context, due, result, analysed);
  const objects = await builtObjects(context, due, source);
  const stored = await storeObjects(config, studyInstanceUid, objects);
  await enqueue(context, await saveObjects(database, due, stored));
}

/** What was wrong may be patient data, and is not reported. */
async function builtObjects(
  { config, database }: TriageContext,
  due: DueObjects,
  analysed: AnalysedStudy,
): Promise<DerivedObject[]> {
  const former = await reportOf(database, due.formerResultId);
  return writeObjects(analysed, config, former, due.createdAt).catch(() => {
    throw unwritable(due);
  });
}

const unwritable = ({ studyInstanceUid }: DueObjects): IchorError =>
  new IchorError('REPORT_UNWRITABLE', { studyInstanceUid });

/** The result as it is stored, with what a report needs of the source beside it. */
async function sourceOf(
  context: TriageContext,
  due: DueObjects,
  result: TriageResult,
  analysed: AnalysedStudy | null,
): Promise<AnalysedStudy> {
  if (result.findings === null) return { ...(analysed ?? (await headersAlone(context, due))), result, ...NO_STACK };
  const source = analysed ?? (await analysedAgain(context, due, result));
  if (source.stack === null) throw unwritable(due);
  return { ...source, result };
}
const NO_STACK = { stack: null, analysis: null };

const instancesOf = async ({ database }: TriageContext, due: DueObjects) =>
  (await studyInput(database, due.studyInstanceUid, due.inputUntil)).paths;

/** From the instances that the result rests on. */
async function analysedAgain(context: TriageContext, due: DueObjects, result: FoundResult): Promise<AnalysedStudy> {
  const { database, spool, inference } = context;
  const again = await analyseStudy(result.studyInstanceUid, await instancesOf(context, due), {
    inference,
    files: spool.files,
    features: databaseFeatureCache(database),
  });
  if (
    withIncompleteness(again.result, result.incomplete ?? null).inputDigest !== result.inputDigest ||
    again.result.model.sha256 !== result.model.sha256
  )
    throw unwritable(due);
  return again;
}

async function headersAlone(
  context: TriageContext,
  due: DueObjects,
): Promise<Pick<AnalysedStudy, 'headers' | 'identity'>> {
  const headers = await readHeaders(context.spool.files, await instancesOf(context, due), () => {});
  const identity = headers[0] === undefined ? null : sourceIdentity(headers[0]);
  return { headers, identity };
}

/** Delivery rows stand: a job that no queue takes now is added again by the look for rows without one. */
async function enqueue({ queues, log }: TriageContext, jobs: Awaited<ReturnType<typeof saveObjects>>): Promise<void> {
  for (const job of jobs)
    await queues
      .add(deliveryQueue(job.destination), job, { jobId: deliveryJobId(job) })
      .catch((error: unknown) => log.event('queue.lost', { reason: reasonOf(error) }));
}

async function settle(context: TriageContext, due: DueObjects, error: IchorError): Promise<void> {
  const { database, log } = context;
  const { studyInstanceUid } = due;
  const kind = kindOf(error);
  log.event('objects.postponed', { studyInstanceUid, code: error.code, reason: error.message });
  if (kind === 'infrastructure') {
    if (due.formerError === null && error.code === 'OBJECTS_UNWRITABLE') recordFault(context, studyInstanceUid, error);
    return postponeObjects(database, due, error.message, PAUSE_MS, false);
  }
  if (kind !== 'lasting' && due.attempts < MOST_ATTEMPTS)
    return postponeObjects(database, due, error.message, backOffMs(PAUSE_MS, due.attempts, LONGEST_PAUSE_MS), true);
  const final = unwritable(due);
  recordFault(context, studyInstanceUid, final);
  return markUnwritable(database, due, final.message);
}

const recordFault = (
  { recordIncident }: TriageContext,
  studyInstanceUid: string,
  { code, message }: IchorError,
): void => recordIncident({ code, message, studyInstanceUid });
