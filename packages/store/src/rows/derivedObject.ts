/** The table `derived_object`: what Ichor made of a result. When it is due: dueObjects.ts. */
import type { ObjectReference } from '@ichor/shared/files';
import type { FormerReport } from '@ichor/shared/formerReport';
import type { Database, DatabaseClient } from '../postgres/database.ts';

/** An object on disk that must reach the destinations. `path` refers to the store of derived objects. */
export type StoredObject = {
  readonly kind: 'SR' | 'SC';
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopClassUid: string;
  readonly path: ObjectReference;
  /** Which destinations get it. */
  readonly destinations: readonly string[];
};

export async function insertObjects(
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

/** The report that a new one supersedes: that of the result that the study showed before. */
export async function reportOf(database: Database, resultId: number | null): Promise<FormerReport | null> {
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

/** The report of the result that a study shows; null when it shows none. `path` is relative to the folder of derived objects. */
export async function shownReport(
  database: Database,
  studyInstanceUid: string,
): Promise<{ readonly path: string; readonly sopInstanceUid: string; readonly seriesInstanceUid: string } | null> {
  const { rows } = await database.pool.query(
    `SELECT o.object_path, o.sop_instance_uid, o.series_instance_uid FROM study s JOIN derived_object o USING (result_id)
      WHERE s.study_instance_uid = $1 AND s.state NOT IN ('receiving', 'queued', 'analysing') AND o.kind = 'SR' ORDER BY o.sop_class_uid DESC LIMIT 1`,
    [studyInstanceUid],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : {
        path: row.object_path,
        sopInstanceUid: row.sop_instance_uid,
        seriesInstanceUid: row.series_instance_uid,
      };
}

/** The secondary captures of a study's current result. @returns paths relative to the folder of derived objects */
export async function heatmapPaths(database: Database, studyInstanceUid: string): Promise<string[]> {
  const { rows } = await database.pool.query(
    `SELECT o.object_path FROM study s JOIN derived_object o USING (result_id)
      WHERE s.study_instance_uid = $1 AND o.kind = 'SC'`,
    [studyInstanceUid],
  );
  return rows.map((row) => row.object_path);
}
