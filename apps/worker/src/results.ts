/** Findings, flag, delivery and notification rows: one transaction (DESIGN §1, rules 2 and 3). One statement per function. */
import type {
  Database,
  DatabaseClient,
  DeliveryJob,
  Destination,
  NotificationLane,
  TriageJob,
  TriageResult,
} from '@ichor/shared';
import { IchorError } from '@ichor/shared';
import { insertNotifications } from './notification/rows.ts';
import type { FormerReport } from './report/writeObjects.ts';

/** An object on disk that must reach the destinations. `path` is relative to the folder of derived objects. */
export type StoredObject = {
  readonly kind: 'SR' | 'SC';
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopClassUid: string;
  readonly path: string;
  /** Which destinations get it. */
  readonly destinations: readonly string[];
};

/** The study as the worker takes it: its last result, and the report that a new one supersedes. */
export type ClaimedStudy = { readonly resultId: number | null; readonly report: FormerReport | null };

/** Takes the study for analysis. Null when the job is outdated: a later completion will analyse it, or it is done. */
export async function claimStudy(database: Database, job: TriageJob): Promise<ClaimedStudy | null> {
  const { rows } = await database.pool.query(
    `UPDATE study SET analysing_at = now(), state = CASE WHEN result_id IS NULL THEN 'analysing' ELSE state END
      WHERE study_instance_uid = $1 AND request = $2 AND analysed_request < $2 RETURNING result_id`,
    [job.studyInstanceUid, job.request],
  );
  if (rows[0] === undefined) return null;
  const resultId = rows[0].result_id === null ? null : Number(rows[0].result_id);
  return { resultId, report: resultId === null ? null : await reportOf(database, resultId) };
}

async function reportOf(database: Database, resultId: number): Promise<FormerReport | null> {
  const { rows } = await database.pool.query(
    "SELECT sop_class_uid, sop_instance_uid, series_instance_uid FROM derived_object WHERE result_id = $1 AND kind = 'SR' ORDER BY sop_class_uid DESC LIMIT 1",
    [resultId],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : {
        sopClassUid: row.sop_class_uid,
        sopInstanceUid: row.sop_instance_uid,
        seriesInstanceUid: row.series_instance_uid,
      };
}

/** Spool paths of every image-bearing instance of a study, in the order of arrival. */
export async function studyPaths(database: Database, studyInstanceUid: string): Promise<string[]> {
  const { rows } = await database.pool.query(
    'SELECT spool_path FROM instance WHERE study_instance_uid = $1 ORDER BY received_at, spool_path',
    [studyInstanceUid],
  );
  return rows.map((row) => row.spool_path);
}

/** The result with this very input and model, if the study has one: then nothing needs to be made again. */
export async function findResult(database: Database, result: TriageResult): Promise<number | null> {
  const { rows } = await database.pool.query(
    'SELECT result_id FROM result WHERE study_instance_uid = $1 AND input_digest = $2 AND model_sha256 = $3',
    [result.studyInstanceUid, result.inputDigest, result.model.sha256],
  );
  return rows[0] === undefined ? null : Number(rows[0].result_id);
}

/**
 * Stores a result, the study's flag and the delivery rows together.
 * @param seen the study as claimed; if another revision came in between, nothing is stored and the job runs again
 * @param lanes who is told of it
 * @returns the delivery jobs that are now due, and how long after the last instance the result came
 * @throws IchorError STUDY_CHANGED
 */
export async function saveResult(
  database: Database,
  job: TriageJob,
  seen: ClaimedStudy,
  result: TriageResult,
  objects: readonly StoredObject[],
  lanes: readonly NotificationLane[],
): Promise<{ readonly deliveries: readonly DeliveryJob[]; readonly sinceLastInstanceSeconds: number }> {
  return database.transaction(async (client) => {
    const study = await lockStudy(client, job.studyInstanceUid);
    if (study.resultId !== seen.resultId)
      throw new IchorError('STUDY_CHANGED', { studyInstanceUid: job.studyInstanceUid });
    const resultId = await insertResult(client, result, study.revision + 1);
    await insertObjects(client, resultId, objects);
    await insertDeliveries(client, resultId, objects);
    const sinceLastInstance = await showResult(client, job, resultId, lanes);
    const destinations = new Set(objects.flatMap((object) => object.destinations));
    return {
      deliveries: [...destinations].map((destination) => ({ resultId, destination })),
      sinceLastInstanceSeconds: sinceLastInstance,
    };
  });
}

/** The study goes (back) to a result that it already has. */
export async function keepResult(
  database: Database,
  job: TriageJob,
  resultId: number,
  lanes: readonly NotificationLane[],
): Promise<void> {
  await database.transaction(async (client) => {
    await showResult(client, job, resultId, lanes);
  });
}

async function lockStudy(client: DatabaseClient, studyInstanceUid: string) {
  const { rows } = await client.query(
    'SELECT result_id, revision FROM study WHERE study_instance_uid = $1 FOR UPDATE',
    [studyInstanceUid],
  );
  if (rows[0] === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return {
    resultId: rows[0].result_id === null ? null : Number(rows[0].result_id),
    revision: rows[0].revision as number,
  };
}

async function insertResult(client: DatabaseClient, result: TriageResult, revision: number): Promise<number> {
  const { rows } = await client.query(
    `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256,
                         state, reason, error_code, findings, key_slices, slice_scores, heatmaps, series)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING result_id`,
    [
      result.studyInstanceUid,
      revision,
      result.inputDigest,
      result.model.name,
      result.model.version,
      result.model.sha256,
      result.state,
      json(result.reason),
      result.errorCode,
      json(result.findings),
      json(result.keySlices),
      json(result.sliceScores),
      json(result.heatmaps),
      json(result.series),
    ],
  );
  return Number(rows[0].result_id);
}

async function insertObjects(
  client: DatabaseClient,
  resultId: number,
  objects: readonly StoredObject[],
): Promise<void> {
  await client.query(
    `INSERT INTO derived_object (sop_instance_uid, result_id, kind, series_instance_uid, sop_class_uid, object_path)
     SELECT uid, $1, kind, series, class, path
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS t(uid, kind, series, class, path)`,
    [
      resultId,
      objects.map((object) => object.sopInstanceUid),
      objects.map((object) => object.kind),
      objects.map((object) => object.seriesInstanceUid),
      objects.map((object) => object.sopClassUid),
      objects.map((object) => object.path),
    ],
  );
}

async function insertDeliveries(
  client: DatabaseClient,
  resultId: number,
  objects: readonly StoredObject[],
): Promise<void> {
  const rows = objects.flatMap((object) =>
    object.destinations.map((destination) => [object.sopInstanceUid, destination] as const),
  );
  await client.query(
    `INSERT INTO delivery (result_id, sop_instance_uid, destination)
     SELECT $1, uid, destination FROM unnest($2::text[], $3::text[]) AS t(uid, destination)`,
    [resultId, rows.map(([uid]) => uid), rows.map(([, destination]) => destination)],
  );
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

const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

/** Which destinations an object goes to. */
export function destinationsFor(kind: 'SR' | 'SC', destinations: readonly Destination[]): string[] {
  return destinations
    .filter((destination) => kind === 'SR' || destination.heatmaps)
    .map((destination) => destination.aeTitle);
}
