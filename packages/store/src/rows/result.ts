/** The table `result`: one row per outcome of an analysis. What becomes of its report and heat maps: derivedObject.ts. */
import { IchorError } from '@ichor/shared/errors';
import { jsonb } from '@ichor/shared/storable';
import type { KeySlice, SliceHeatmap, SliceScore, TriageResult } from '@ichor/shared/study';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import { OBJECTS_LEASE_MS } from './dueObjects.ts';
import { decidesColumn, saveTarget } from './modelTarget.ts';

/** The result with this very input and model, if the study has one: then nothing needs to be made again. */
export async function findResult(client: DatabaseClient, result: TriageResult): Promise<number | null> {
  const { rows } = await client.query(
    'SELECT result_id FROM result WHERE study_instance_uid = $1 AND input_digest = $2 AND model_sha256 = $3',
    [result.studyInstanceUid, result.inputDigest, result.model.sha256],
  );
  return rows[0] === undefined ? null : Number(rows[0].result_id);
}

/** The next revision of a study; its report and heat maps are due. @param until see StudyInput */
export async function insertResult(
  client: DatabaseClient,
  result: TriageResult,
  former: { readonly resultId: number | null; readonly revision: number },
  until: string | null,
): Promise<number> {
  await saveTarget(client, result.model);
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

/** The analysed slices of the study's current result, from skull base to vertex. @throws IchorError STUDY_UNKNOWN */
export async function sliceScoresOf(database: Database, studyInstanceUid: string): Promise<readonly SliceScore[]> {
  const { rows } = await database.pool.query(
    'SELECT r.slice_scores FROM study s LEFT JOIN result r USING (result_id) WHERE s.study_instance_uid = $1',
    [studyInstanceUid],
  );
  if (rows[0] === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return rows[0].slice_scores ?? [];
}

/** The heat maps of the study's current result as numbers; none of a result from before Ichor kept them. */
export async function heatmapsOf(
  database: Database,
  studyInstanceUid: string,
): Promise<readonly (SliceHeatmap & { readonly resultId: string })[]> {
  const { rows } = await database.pool.query(
    'SELECT r.result_id, r.heatmaps FROM study s JOIN result r USING (result_id) WHERE s.study_instance_uid = $1',
    [studyInstanceUid],
  );
  const maps: readonly SliceHeatmap[] = rows[0]?.heatmaps ?? [];
  return maps.map((map) => ({ ...map, resultId: rows[0].result_id }));
}

/** The key slice of the study's current result with the highest score, of a kind if there is one; null when it has none. */
export async function leadingKeySlice(database: Database, studyInstanceUid: string): Promise<KeySlice | null> {
  const { rows } = await database.pool.query(
    `SELECT (SELECT k FROM jsonb_array_elements(r.key_slices) k ORDER BY k->>'finding' = ${decidesColumn('r')}, (k->>'score')::float8 DESC LIMIT 1) AS key
       FROM study s JOIN result r USING (result_id) WHERE s.study_instance_uid = $1`,
    [studyInstanceUid],
  );
  return rows[0]?.key ?? null;
}

export type Revision = {
  readonly revision: number;
  readonly state: string;
  readonly reason: string | null;
  readonly createdAt: string;
  /** Name and version. */
  readonly model: string;
  /** Of the class that decides. */
  readonly score: number | null;
};

/** Every result of a study, the latest first. */
export async function listRevisions(database: Database, studyInstanceUid: string): Promise<Revision[]> {
  const { rows } = await database.pool.query(
    `SELECT revision, state, reason->>'sentence' AS reason, created_at AS "createdAt", model_name || ' ' || model_version AS model,
            (findings->${decidesColumn('result')}->>'score')::float8 AS score
       FROM result WHERE study_instance_uid = $1 ORDER BY revision DESC`,
    [studyInstanceUid],
  );
  return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
}
