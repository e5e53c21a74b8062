/** Content and evidence → Comprehensive (3D) SR instance (PS3.3 A.35.3, A.35.13). */
import { CODES, deriveUid, type TriageResult } from '@ichor/shared';
import { type ContentItem, coded, referencedInstances } from './contentItems.ts';
import { commonAttributes, dicomDateTime, encodeInstance } from './instance.ts';
import { measurementReport, type ReportInput } from './measurementReport.ts';
import type { FormerReport } from './writeObjects.ts';

export const SR_CLASSES = {
  'comprehensive-3d': '1.2.840.10008.5.1.4.1.1.88.34',
  comprehensive: '1.2.840.10008.5.1.4.1.1.88.33',
} as const;
export type ReportType = keyof typeof SR_CLASSES;

export type ReportRequest = ReportInput & {
  readonly reportType: ReportType;
  /** Series of each referenced instance. */
  readonly seriesOf: ReadonlyMap<string, string>;
  /** The report that this one supersedes. */
  readonly former: FormerReport | null;
  readonly at: Date;
};
export type WrittenReport = {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly bytes: Uint8Array;
};

/** UIDs follow from study, input and model: writing a report twice makes the same instance. */
export function writeReport(request: ReportRequest): WrittenReport {
  const { result, identity, reportType, at } = request;
  const content = measurementReport(request);
  const { date, time } = dicomDateTime(at);
  const [sopClassUid, sopInstanceUid] = [SR_CLASSES[reportType], derived(result, 'SR', reportType)];
  const seriesInstanceUid = derived(result, 'SR series', reportType);
  const bytes = encodeInstance({
    ...commonAttributes(identity, result.model, at),
    SOPClassUID: sopClassUid,
    SOPInstanceUID: sopInstanceUid,
    Modality: 'SR',
    SeriesInstanceUID: seriesInstanceUid,
    SeriesNumber: 9901,
    SeriesDescription: 'Ichor ICH triage report',
    SeriesDate: date,
    SeriesTime: time,
    ReferencedPerformedProcedureStepSequence: [],
    InstanceNumber: 1,
    ContentDate: date,
    ContentTime: time,
    CompletionFlag: 'COMPLETE',
    VerificationFlag: 'UNVERIFIED',
    PreliminaryFlag: 'PRELIMINARY',
    ...(request.former === null ? {} : { PredecessorDocumentsSequence: evidence(request, [request.former]) }),
    PerformedProcedureCodeSequence: [],
    CurrentRequestedProcedureEvidenceSequence: evidence(request, referencedInstances(content)),
    ValueType: 'CONTAINER',
    ConceptNameCodeSequence: [coded(CODES.imagingMeasurementReport)],
    ContinuityOfContent: 'SEPARATE',
    ContentTemplateSequence: [{ MappingResource: 'DCMR', TemplateIdentifier: '1500' }],
    ContentSequence: content as ContentItem[],
  });
  return { sopClassUid, sopInstanceUid, seriesInstanceUid, bytes };
}

const derived = ({ studyInstanceUid, inputDigest, model }: TriageResult, ...role: string[]): string =>
  deriveUid(studyInstanceUid, inputDigest, model.sha256, ...role);

/** Hierarchical SOP Instance Reference (PS3.3 table 10-3a): study › series › instances. */
function evidence(
  { identity, seriesOf, former }: ReportRequest,
  references: readonly { sopClassUid: string; sopInstanceUid: string }[],
): object[] {
  const series = new Map<string, Map<string, string>>();
  for (const { sopClassUid, sopInstanceUid } of references) {
    const seriesInstanceUid = seriesOf.get(sopInstanceUid) ?? former!.seriesInstanceUid;
    series.set(seriesInstanceUid, (series.get(seriesInstanceUid) ?? new Map()).set(sopInstanceUid, sopClassUid));
  }
  return [
    {
      StudyInstanceUID: identity.studyInstanceUid,
      ReferencedSeriesSequence: [...series].map(([SeriesInstanceUID, instances]) => ({
        SeriesInstanceUID,
        ReferencedSOPSequence: [...instances].map(([uid, sopClass]) => ({
          ReferencedSOPClassUID: sopClass,
          ReferencedSOPInstanceUID: uid,
        })),
      })),
    },
  ];
}
