/** What the study page shows beside the study itself: slices, revisions, the report's text, the way to the viewer. */
import type { Dataset } from '@ichor/dicom/dataset';
import { readPart10 } from '@ichor/dicom/readPart10';
import type { FileReader, ObjectReference } from '@ichor/shared/files';
import type { SliceHeatmap, SliceScore } from '@ichor/shared/study';
import { shownReport } from '@ichor/store/rows/derivedObject';
import { type Feedback, listFeedback } from '@ichor/store/rows/feedback';
import { listRevisions, type Revision, sliceScoresOf } from '@ichor/store/rows/result';
import { heatmapsOf, mapsOf, type Source, sliceKey } from './images.ts';

export type ReportLine = { readonly depth: number; readonly name: string; readonly value: string };
type Slice = Omit<SliceScore, 'pixelDigest'> & {
  /** Whether there is a secondary capture of it. */
  readonly heatmap: boolean;
  /** What the layer of its heat map explains; null when there is none. */
  readonly layer: Pick<SliceHeatmap, 'finding' | 'score' | 'of'> | null;
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
  const { database, objects } = source;
  const [slices, heatmaps, maps, revisions, report, feedback] = await Promise.all([
    sliceScoresOf(database, studyInstanceUid),
    heatmapsOf(source, studyInstanceUid),
    mapsOf(database, studyInstanceUid),
    listRevisions(database, studyInstanceUid),
    shownReport(database, studyInstanceUid),
    listFeedback(database, studyInstanceUid),
  ]);
  return {
    slices: slices.map(({ pixelDigest: _, ...slice }) => {
      const key = sliceKey(slice.sopInstanceUid, slice.frameNumber);
      const map = maps.get(key);
      return {
        ...slice,
        heatmap: heatmaps.has(key),
        layer: map === undefined ? null : { finding: map.finding, score: map.score, ...(map.of && { of: map.of }) },
      };
    }),
    revisions,
    report: report === null ? [] : await reportText(objects, report.path),
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

async function reportText(objects: FileReader<ObjectReference>, reference: ObjectReference): Promise<ReportLine[]> {
  const bytes = await objects.open(reference).catch(() => null);
  if (bytes === null) return [];
  return linesOf(readPart10(bytes, reference).dataset, 0);
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
