/** Content and evidence → Comprehensive (3D) SR instance (PS3.3 A.35.3, A.35.13). */

import type { SourceIdentity } from '@ichor/analysis/types';
import { CODES, triageReport } from '@ichor/dicom/codes';
import { SOP_CLASS } from '@ichor/dicom/sopClasses';
import { deriveUid } from '@ichor/dicom/uid';
import type { Destination } from '@ichor/settings/aeTitles';
import type { FormerReport } from '@ichor/shared/formerReport';
import type { TriageResult } from '@ichor/shared/study';
import { targetOf } from '@ichor/shared/target';
import { type ContentItem, coded, referencedInstances } from './contentItems.ts';
import { commonAttributes, dicomDateTime, encodeInstance } from './instance.ts';
import { measurementReport, type ReportInput } from './measurementReport.ts';

export const SR_CLASSES = {
  'comprehensive-3d': SOP_CLASS.comprehensive3dSr,
  comprehensive: SOP_CLASS.comprehensiveSr,
} as const;
/** What destinations may want differently. */
export type ReportForm = Pick<Destination, 'sr' | 'title'>;

export type ReportRequest = ReportInput & {
  readonly form: ReportForm;
  /** Series of each instance of the study that may be referred to. */
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

/**
 * UIDs follow from study, input and model: writing a report twice makes the same instance.
 * @throws Error when the content refers to an instance that the study does not have
 */
export function writeReport(request: ReportRequest): WrittenReport {
  const { result, identity, form, at } = request;
  const target = targetOf(result.model);
  const content = measurementReport(request, form.title === 'triage');
  const { date, time } = dicomDateTime(at, identity);
  const [sopClassUid, sopInstanceUid] = [SR_CLASSES[form.sr], derived(result, 'SR', form.sr, form.title)];
  const seriesInstanceUid = derived(result, 'SR series', form.sr, form.title);
  const bytes = encodeInstance({
    ...commonAttributes(identity, result.model, at),
    SOPClassUID: sopClassUid,
    SOPInstanceUID: sopInstanceUid,
    Modality: 'SR',
    SeriesInstanceUID: seriesInstanceUid,
    SeriesNumber: 9901,
    SeriesDescription: `Ichor ${target.code} triage report`,
    SeriesDate: date,
    SeriesTime: time,
    ReferencedPerformedProcedureStepSequence: [],
    InstanceNumber: 1,
    ContentDate: date,
    ContentTime: time,
    CompletionFlag: 'COMPLETE',
    VerificationFlag: 'UNVERIFIED',
    PreliminaryFlag: 'PRELIMINARY',
    ...(request.former === null ? {} : { PredecessorDocumentsSequence: evidence(identity, [request.former]) }),
    PerformedProcedureCodeSequence: [],
    CurrentRequestedProcedureEvidenceSequence: evidence(identity, located(content, request.seriesOf)),
    ValueType: 'CONTAINER',
    ConceptNameCodeSequence: [coded(form.title === 'triage' ? triageReport(target) : CODES.imagingMeasurementReport)],
    ContinuityOfContent: 'SEPARATE',
    ContentTemplateSequence: [{ MappingResource: 'DCMR', TemplateIdentifier: '1500' }],
    ContentSequence: content as ContentItem[],
  });
  return { sopClassUid, sopInstanceUid, seriesInstanceUid, bytes };
}

const derived = ({ studyInstanceUid, inputDigest, model }: TriageResult, ...role: string[]): string =>
  deriveUid(studyInstanceUid, inputDigest, model.sha256, ...role);

/** A reference without its series would be evidence that no PACS can find. */
function located(content: readonly ContentItem[], seriesOf: ReadonlyMap<string, string>): InstanceOfSeries[] {
  return referencedInstances(content).map((reference) => {
    const seriesInstanceUid = seriesOf.get(reference.sopInstanceUid);
    if (seriesInstanceUid !== undefined) return { ...reference, seriesInstanceUid };
    throw new Error(`the report names instance ${reference.sopInstanceUid}, which the study does not have`);
  });
}

type InstanceOfSeries = Readonly<Record<'sopClassUid' | 'sopInstanceUid' | 'seriesInstanceUid', string>>;

/** Hierarchical SOP Instance Reference (PS3.3 table 10-3a): study › series › instances. */
function evidence({ studyInstanceUid }: SourceIdentity, references: readonly InstanceOfSeries[]): object[] {
  const series = new Map<string, Map<string, string>>();
  for (const { sopClassUid, sopInstanceUid, seriesInstanceUid } of references) {
    series.set(seriesInstanceUid, (series.get(seriesInstanceUid) ?? new Map()).set(sopInstanceUid, sopClassUid));
  }
  return [
    {
      StudyInstanceUID: studyInstanceUid,
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
