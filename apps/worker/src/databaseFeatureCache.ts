/** CNN output per slice in the database, so that a late slice or a second run costs only what is new. */
import type { FeatureCache } from '@ichor/analysis/featureCache';
import { featureKey } from '@ichor/analysis/featureKey';
import type { Analysis, SliceFeatures, SliceStack } from '@ichor/analysis/types';
import type { ModelIdentity } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';

/** The cache in the table `slice_feature`. What cannot be saved costs time at the next analysis, and this one nothing. */
export function databaseFeatureCache(database: Database): FeatureCache {
  return {
    load: (stack, model) => loadFeatures(database, stack, model),
    save: (stack, analysis) => saveFeatures(database, stack, analysis).catch(() => {}),
  };
}

async function loadFeatures(database: Database, stack: SliceStack, model: ModelIdentity) {
  const uids = [...new Set(stack.slices.map((slice) => slice.sopInstanceUid))];
  const { rows } = await database.pool.query(
    `SELECT DISTINCT ON (sop_instance_uid, frame_number) sop_instance_uid, frame_number, pixel_digest, features, logits
       FROM slice_feature WHERE sop_instance_uid = ANY($1) AND model_sha256 = $2
      ORDER BY sop_instance_uid, frame_number, created_at DESC`,
    [uids, model.sha256],
  );
  return new Map<string, SliceFeatures>(
    rows.map((row) => [
      featureKey(row.sop_instance_uid, row.frame_number),
      { pixelDigest: row.pixel_digest, features: floats(row.features), logits: floats(row.logits) },
    ]),
  );
}

async function saveFeatures(database: Database, stack: SliceStack, analysis: Analysis): Promise<void> {
  const rows = analysis.slices.map((slice, index) => ({ slice, source: stack.slices[index]! }));
  await database.pool.query(
    `INSERT INTO slice_feature (sop_instance_uid, frame_number, pixel_digest, model_sha256, features, logits)
     SELECT uid, frame, digest, $4, features, logits
       FROM unnest($1::text[], $2::int[], $3::text[], $5::bytea[], $6::bytea[]) AS t(uid, frame, digest, features, logits)
     ON CONFLICT DO NOTHING`,
    [
      rows.map(({ source }) => source.sopInstanceUid),
      rows.map(({ source }) => source.frameNumber),
      rows.map(({ slice }) => slice.pixelDigest),
      analysis.model.sha256,
      rows.map(({ slice }) => bytes(slice.features)),
      rows.map(({ slice }) => bytes(slice.logits)),
    ],
  );
}

const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const floats = (stored: Buffer): Float32Array => new Float32Array(new Uint8Array(stored).buffer);
