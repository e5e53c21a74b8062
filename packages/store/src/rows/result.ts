/** The table `result`: one row per outcome of an analysis. What becomes of its report and heat maps: derivedObject.ts. */
import { jsonb } from '@ichor/shared/storable';
import type { TriageResult } from '@ichor/shared/study';
import type { DatabaseClient } from '../postgres/database.ts';
import { OBJECTS_LEASE_MS } from './derivedObject.ts';

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
