/** What there is to evaluate: every study's instances, its patient and a digest of its content. */
import { createHash } from 'node:crypto';
import type { MissingAttribute } from '@ichor/analysis/accepted';
import type { StudyFiles } from '@ichor/analysis/volume/findStudies';
import { bodyPartOf } from '@ichor/analysis/volume/functionalGroups';
import type { Dataset } from '@ichor/dicom/dataset';
import { readPart10 } from '@ichor/dicom/readPart10';
import { IchorError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';

export type SurveyedInstance = {
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string | null;
  readonly path: string;
  /** What its header does not say, though production or a reader of the report would want it. */
  readonly missing: readonly MissingAttribute[];
};

export type SurveyedStudy = StudyFiles & {
  /** SHA-256 (hex) over the content of the files, whatever their names and order. */
  readonly inputDigest: string;
  /** Every instance that can be read. */
  readonly instances: readonly SurveyedInstance[];
  /** Pseudonym made from Patient ID and its issuer; null when the study has none. */
  readonly patient: string | null;
};

const TAGS = {
  sopInstanceUid: 'SOPInstanceUID',
  seriesInstanceUid: 'SeriesInstanceUID',
  patientId: 'PatientID',
  issuerOfPatientId: 'IssuerOfPatientID',
} as const;

export async function surveyStudy(study: StudyFiles, files: FileReader): Promise<SurveyedStudy> {
  const digests: string[] = [];
  const instances: SurveyedInstance[] = [];
  let patient: string | null = null;
  for (const path of study.paths) {
    const bytes = await files.open(path).catch(unlessFault);
    digests.push(bytes === null ? `unread ${path}` : sha256(bytes));
    if (bytes === null) continue;
    const dataset = datasetOf(bytes, path);
    const sopInstanceUid = dataset?.text(TAGS.sopInstanceUid) ?? null;
    if (dataset === null || sopInstanceUid === null) continue;
    const seriesInstanceUid = dataset.text(TAGS.seriesInstanceUid);
    instances.push({ sopInstanceUid, seriesInstanceUid, path, missing: missingIn(dataset) });
    patient ??= pseudonymOf(dataset);
  }
  return { ...study, inputDigest: sha256(digests.sort().join('\n')), instances, patient };
}

function missingIn(dataset: Dataset): MissingAttribute[] {
  return [
    ...(dataset.text('SOPClassUID') === null ? (['missing-sop-class'] as const) : []),
    ...(bodyPartOf(dataset) === null ? (['missing-body-part'] as const) : []),
    ...(dataset.texts('ImageType').length === 0 ? (['missing-image-type'] as const) : []),
  ];
}

/** What the file system does not give is told of its study by the analysis. */
function unlessFault(error: unknown): null {
  if (!(error instanceof IchorError) || error.code !== 'FILE_UNREADABLE') throw error;
  return null;
}

/** Null for a file that cannot be read: the analysis says what that means for its study. */
function datasetOf(bytes: Buffer, path: string): Dataset | null {
  try {
    return readPart10(bytes, path).dataset;
  } catch {
    return null;
  }
}

function pseudonymOf(dataset: Dataset): string | null {
  const patientId = dataset.text(TAGS.patientId);
  return patientId && sha256(`${dataset.text(TAGS.issuerOfPatientId) ?? ''} ${patientId}`).slice(0, 24);
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
