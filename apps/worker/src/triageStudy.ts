/**
 * ★ One triage job, from the study's files in the spool to its flag in the database and its reports on their way.
 *
 * Every step may be repeated without harm: derived UIDs follow from the input, the result is keyed by study, input and
 * model, objects are written before the transaction that names them, and delivery jobs are re-added from their rows.
 */
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config, Database, Incident, Log, Queues, Spool, TriageJob, TriageResult } from '@ichor/shared';
import { asIchorError, deliveryJobId, deliveryQueue, IchorError, metrics } from '@ichor/shared';
import { type AnalysedStudy, analyseStudy } from './analyseStudy.ts';
import { databaseFeatureCache } from './featureCache.ts';
import type { Inference } from './inference/inference.ts';
import { lanesOf } from './notification/lanes.ts';
import { enqueueNotifications } from './notification/runNotification.ts';
import { type DerivedObject, wants, writeObjects } from './report/writeObjects.ts';
import {
  type ClaimedStudy,
  claimStudy,
  destinationsFor,
  findResult,
  keepResult,
  type StoredObject,
  saveResult,
  studyPaths,
} from './results.ts';
import { readHeaders } from './volume/readHeaders.ts';
import { sourceIdentity } from './volume/sourceIdentity.ts';

export type TriageContext = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly queues: Queues;
  readonly spool: Spool;
  readonly inference: Inference;
  readonly recordIncident: (incident: Incident) => void;
};

/** Runs a triage job. @param lastAttempt whether a retryable fault of the analysis must now become `failed` */
export async function triageStudy(context: TriageContext, job: TriageJob, lastAttempt: boolean): Promise<void> {
  const claimed = await claimStudy(context.database, job);
  if (claimed === null) return;
  const paths = await studyPaths(context.database, job.studyInstanceUid);
  const [started, analysed] = [performance.now(), await analyseOrFail(context, job, paths, lastAttempt)];
  metrics.triage('analysis', secondsSince(started));
  await conclude(context, job, claimed, analysed);
  metrics.triage('total', secondsSince(started));
}

const secondsSince = (from: number): number => (performance.now() - from) / 1000;

/** A fault of the analysis itself ends as `failed` once it is permanent; a database or queue that is away never does. */
async function analyseOrFail(
  context: TriageContext,
  job: TriageJob,
  paths: readonly string[],
  lastAttempt: boolean,
): Promise<AnalysedStudy> {
  const { inference, database, spool } = context;
  try {
    const files = paths.map((path) => spool.absolutePath(path));
    return await analyseStudy(job.studyInstanceUid, files, { inference, features: databaseFeatureCache(database) });
  } catch (thrown) {
    const error = asIchorError(thrown);
    if (AWAY.has(error.code) || (error.retryable && !lastAttempt)) throw error;
    context.recordIncident({ code: error.code, message: error.message, studyInstanceUid: job.studyInstanceUid });
    return failed(context, job, paths, error);
  }
}

/** Faults of what the worker stands on: the job waits for it, however long. */
const AWAY: ReadonlySet<string> = new Set(['DATABASE_UNAVAILABLE', 'QUEUE_UNAVAILABLE']);

/** What is still known of a study whose analysis failed: enough for a report that says so. */
async function failed(
  { inference, spool }: TriageContext,
  job: TriageJob,
  paths: readonly string[],
  error: IchorError,
): Promise<AnalysedStudy> {
  const headers = await readHeaders(
    paths.map((path) => spool.absolutePath(path)),
    () => {},
  );
  const result: TriageResult = {
    studyInstanceUid: job.studyInstanceUid,
    inputDigest: `failed ${job.request}`,
    model: inference.model,
    state: 'failed',
    reason: null,
    findings: null,
    keySlices: [],
    sliceScores: [],
    heatmaps: [],
    series: [],
    errorCode: error.code,
  };
  return {
    result,
    identity: headers[0] === undefined ? null : sourceIdentity(headers[0]),
    headers,
    stack: null,
    analysis: null,
  };
}

async function conclude(
  context: TriageContext,
  job: TriageJob,
  claimed: ClaimedStudy,
  analysed: AnalysedStudy,
): Promise<void> {
  const { database, log } = context;
  const known = await findResult(database, analysed.result);
  if (known !== null) return keepResult(database, job, known, lanesOf(context.config));
  const started = performance.now();
  const derived = await writtenObjects(context, claimed, analysed);
  const objects = await storeObjects(context.config, job.studyInstanceUid, derived);
  metrics.triage('objects', secondsSince(started));
  const saved = await saveResult(database, job, claimed, analysed.result, objects, lanesOf(context.config));
  log.event('study.result', {
    studyInstanceUid: job.studyInstanceUid,
    state: analysed.result.state,
    reason: analysed.result.reason?.code ?? analysed.result.errorCode ?? 'none',
  });
  metrics.result(analysed.result.state);
  metrics.timeToResult(saved.sinceLastInstanceSeconds);
  for (const delivery of saved.deliveries)
    await context.queues.add(deliveryQueue(delivery.destination), delivery, { jobId: deliveryJobId(delivery) });
  await enqueueNotifications(database, context.queues);
}

/** A flag must not wait for its report: one that cannot be written is an incident. What was wrong may be PHI, and is not told. */
async function writtenObjects(
  { config, recordIncident }: TriageContext,
  claimed: ClaimedStudy,
  analysed: AnalysedStudy,
): Promise<DerivedObject[]> {
  return writeObjects(analysed, config, claimed.report).catch(() => {
    const { studyInstanceUid } = analysed.result;
    const { code, message } = new IchorError('REPORT_UNWRITABLE', { studyInstanceUid });
    recordIncident({ code, message, studyInstanceUid });
    return [];
  });
}

/** Writes derived objects durably, before any row names them. */
async function storeObjects(
  config: Config,
  studyInstanceUid: string,
  objects: readonly DerivedObject[],
): Promise<StoredObject[]> {
  const folder = join(config.dataDir, 'objects', studyInstanceUid);
  await mkdir(folder, { recursive: true });
  for (const object of objects) await writeDurably(join(folder, `${object.sopInstanceUid}.dcm`), object.bytes);
  await syncFolder(folder);
  return objects.map(({ kind, sopInstanceUid, seriesInstanceUid, sopClassUid, form }) => ({
    kind,
    sopInstanceUid,
    seriesInstanceUid,
    sopClassUid,
    path: join(studyInstanceUid, `${sopInstanceUid}.dcm`),
    destinations: destinationsFor(
      kind,
      config.destinations.filter((one) => wants(one, form)),
    ),
  }));
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.part-${process.pid}`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function syncFolder(folder: string): Promise<void> {
  for (const path of [folder, dirname(folder)]) {
    const handle = await open(path, 'r');
    await handle.sync().finally(() => handle.close());
  }
}
