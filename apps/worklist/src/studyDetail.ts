/** What the study page shows beside the study itself: slices, revisions, the report's text, the way to the viewer. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '@ichor/dicom/dataset';
import { readPart10 } from '@ichor/dicom/readPart10';
import type { FindingClass, SliceScore } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';
import { type Feedback, listFeedback } from './feedback.ts';
import { heatmapsOf, mapsOf, type Source, sliceKey, slicesOf } from './images.ts';

export type ReportLine = { readonly depth: number; readonly name: string; readonly value: string };
type Slice = Omit<SliceScore, 'pixelDigest'> & {
  /** Whether there is a secondary capture of it. */
  readonly heatmap: boolean;
  /** What the layer of its heat map explains; null when there is none. */
  readonly layer: { readonly finding: FindingClass; readonly score: number } | null;
};
type Revision = {
  readonly revision: number;
  readonly state: string;
  readonly reason: string | null;
  readonly createdAt: string;
  /** Name and version. */
  readonly model: string;
  /** Of any hemorrhage. */
  readonly score: number | null;
};
/** `GET /api/studies/{uid}/detail`; its schema: `GET /api/schema/detail`. */
export type StudyDetail = {
  readonly slices: readonly Slice[];
  readonly revisions: readonly Revision[];
  readonly report: readonly ReportLine[];
  readonly viewerUrl: string | null;
  readonly feedback: readonly Feedback[];
};

/** @param viewerUrl template of ICHOR_VIEWER_URL @throws IchorError STUDY_UNKNOWN */
export async function studyDetail(
  source: Source,
  studyInstanceUid: string,
  viewerUrl: string | null,
): Promise<StudyDetail> {
  const { database, dataDir } = source;
  const [slices, heatmaps, maps, revisions, report, feedback] = await Promise.all([
    slicesOf(database, studyInstanceUid),
    heatmapsOf(source, studyInstanceUid),
    mapsOf(database, studyInstanceUid),
    listRevisions(database, studyInstanceUid),
    findReport(database, studyInstanceUid),
    listFeedback(database, studyInstanceUid),
  ]);
  return {
    slices: slices.map(({ pixelDigest: _, ...slice }) => {
      const key = sliceKey(slice.sopInstanceUid, slice.frameNumber);
      const { finding, score } = maps.get(key) ?? {};
      return {
        ...slice,
        heatmap: heatmaps.has(key),
        layer: finding === undefined || score === undefined ? null : { finding, score },
      };
    }),
    revisions,
    report: report === null ? [] : await reportText(join(dataDir, 'objects', report.path)),
    viewerUrl: viewerUrl === null || report === null ? null : fillTemplate(viewerUrl, { studyInstanceUid, ...report }),
    feedback,
  };
}

/** `{name}` → its value, percent-encoded. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name) =>
    values[name] === undefined ? whole : encodeURIComponent(values[name]),
  );
}

async function listRevisions(database: Database, studyInstanceUid: string): Promise<Revision[]> {
  const { rows } = await database.pool.query(
    `SELECT revision, state, reason->>'sentence' AS reason, created_at AS "createdAt", model_name || ' ' || model_version AS model,
            (findings->'any'->>'score')::float8 AS score
       FROM result WHERE study_instance_uid = $1 ORDER BY revision DESC`,
    [studyInstanceUid],
  );
  return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
}

async function findReport(database: Database, studyInstanceUid: string) {
  const { rows } = await database.pool.query(
    `SELECT o.object_path, o.sop_instance_uid, o.series_instance_uid FROM study s JOIN derived_object o USING (result_id)
      WHERE s.study_instance_uid = $1 AND s.state NOT IN ('receiving', 'queued', 'analysing') AND o.kind = 'SR' ORDER BY o.sop_class_uid DESC LIMIT 1`,
    [studyInstanceUid],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : {
        path: row.object_path as string,
        sopInstanceUid: row.sop_instance_uid,
        seriesInstanceUid: row.series_instance_uid,
      };
}

async function reportText(path: string): Promise<ReportLine[]> {
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return [];
  return linesOf(readPart10(bytes, path).dataset, 0);
}

/** The content tree (PS3.3 C.17.3), one line per item; lists of images are left out. */
function linesOf(item: Dataset, depth: number): ReportLine[] {
  const name = meaning(item.items('ConceptNameCodeSequence')[0]);
  const children = item.items('ContentSequence').filter((child) => child.text('ValueType') !== 'IMAGE');
  return [{ depth, name, value: contentOf(item) }, ...children.flatMap((child) => linesOf(child, depth + 1))];
}

const meaning = (code: Dataset | undefined): string => code?.text('CodeMeaning') ?? '';
function contentOf(item: Dataset): string {
  const measured = item.items('MeasuredValueSequence')[0];
  if (measured)
    return [measured.text('NumericValue'), meaning(measured.items('MeasurementUnitsCodeSequence')[0])].join(' ');
  return (
    meaning(item.items('ConceptCodeSequence')[0]) ||
    (item.text('TextValue') ?? item.text('PersonName') ?? item.text('UID') ?? item.text('DateTime') ?? '')
  );
}
