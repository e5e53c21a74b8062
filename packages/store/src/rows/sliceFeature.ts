/** The table `slice_feature`: CNN output per slice and model. */
import type { Database } from '../postgres/database.ts';

export type SliceFeature = {
  readonly sopInstanceUid: string;
  readonly frameNumber: number;
  readonly pixelDigest: string;
  readonly features: Float32Array;
  readonly logits: Float32Array;
};

/** The latest of each slice of these instances under a model. */
export async function loadFeatures(
  database: Database,
  sopInstanceUids: readonly string[],
  modelSha256: string,
): Promise<SliceFeature[]> {
  const { rows } = await database.pool.query(
    `SELECT DISTINCT ON (sop_instance_uid, frame_number) sop_instance_uid, frame_number, pixel_digest, features, logits
       FROM slice_feature WHERE sop_instance_uid = ANY($1) AND model_sha256 = $2
      ORDER BY sop_instance_uid, frame_number, created_at DESC`,
    [sopInstanceUids, modelSha256],
  );
  return rows.map((row) => ({
    sopInstanceUid: row.sop_instance_uid,
    frameNumber: row.frame_number,
    pixelDigest: row.pixel_digest,
    features: floats(row.features),
    logits: floats(row.logits),
  }));
}

/** What is there stays. */
export async function saveFeatures(
  database: Database,
  slices: readonly SliceFeature[],
  modelSha256: string,
): Promise<void> {
  await database.pool.query(
    `INSERT INTO slice_feature (sop_instance_uid, frame_number, pixel_digest, model_sha256, features, logits)
     SELECT uid, frame, digest, $4, features, logits
       FROM unnest($1::text[], $2::int[], $3::text[], $5::bytea[], $6::bytea[]) AS t(uid, frame, digest, features, logits)
     ON CONFLICT DO NOTHING`,
    [
      slices.map((slice) => slice.sopInstanceUid),
      slices.map((slice) => slice.frameNumber),
      slices.map((slice) => slice.pixelDigest),
      modelSha256,
      slices.map((slice) => bytes(slice.features)),
      slices.map((slice) => bytes(slice.logits)),
    ],
  );
}

/** float32, little endian. */
const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

const floats = (stored: Buffer): Float32Array => new Float32Array(new Uint8Array(stored).buffer);
