/** The heads of a study's files: what selection and geometry need, without holding pixels in memory. */

import type { Dataset } from '@ichor/dicom/dataset';
import type { Keyword } from '@ichor/dicom/keywords';
import { type Part10, readPart10Head } from '@ichor/dicom/readPart10';
import { SOP_CLASS } from '@ichor/dicom/sopClasses';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import type { FileReader, FileReference } from '@ichor/shared/files';
import { type Accepted, NOTHING_ACCEPTED } from '../accepted.ts';
import { bodyPartOf, contrastAgentOf, kernelsOf, rescalesOf, rescaleTypesOf } from './functionalGroups.ts';
import { type ScanMarks, scanMarksOf } from './scanMarks.ts';

/** One frame's place in space; null when missing or invalid. */
export type FrameGeometry = {
  readonly positionMm: readonly [number, number, number] | null;
  readonly orientation: readonly [number, number, number, number, number, number] | null;
  readonly pixelSpacingMm: readonly [number, number] | null;
  readonly sliceThicknessMm: number | null;
  /** Image Type of the frame, enhanced multi-frame only. */
  readonly frameType: readonly string[];
  /** Acquisition Number (0020,0012), in multi-frame images Frame Acquisition Number (0020,9156). */
  readonly acquisitionNumber: number | null;
};

/** An instance without its pixels. */
export type InstanceHeader = {
  readonly reference: FileReference;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly modality: string | null;
  readonly seriesDescription: string | null;
  readonly studyDescription: string | null;
  readonly protocolName: string | null;
  readonly bodyPartExamined: string | null;
  readonly imageType: readonly string[];
  readonly convolutionKernels: readonly string[];
  readonly manufacturer: string | null;
  /** What was given as contrast agent, whichever attribute says so. */
  readonly contrastAgent: string | null;
  /** Units of the rescaled values, wherever they are told. */
  readonly rescaleTypes: readonly string[];
  /** Rescale Slope and Intercept as written, each pair that the frames use once. */
  readonly rescales: readonly string[];
  readonly rows: number | null;
  readonly columns: number | null;
  readonly samplesPerPixel: number;
  readonly photometricInterpretation: string | null;
  readonly hasPixelData: boolean;
  readonly frameOfReferenceUid: string | null;
  readonly patientPosition: string | null;
  readonly marks: ScanMarks;
  /** Slice Location (0020,1041), mm. */
  readonly sliceLocationMm: number | null;
  /** Number of Frames (0028,0008); multi-frame only. */
  readonly numberOfFrames: number | null;
  readonly frames: readonly FrameGeometry[];
  /** All attributes before Pixel Data. */
  readonly dataset: Dataset;
};

/** What is wrong with a file that is no usable instance. */
export type HeaderProblem = {
  readonly reference: FileReference;
  readonly seriesInstanceUid: string | null;
  readonly error: IchorError;
};

const AT_ONCE = 8;

/** Reads every head; a file that is not DICOM, or whose head cannot be read, goes to `onProblem`, with FILE_UNREADABLE when the file system is to blame. */
export async function readHeaders(
  files: FileReader,
  references: readonly FileReference[],
  onProblem: (problem: HeaderProblem) => void,
  accepted: Accepted = NOTHING_ACCEPTED,
): Promise<InstanceHeader[]> {
  const headers: (InstanceHeader | null)[] = new Array(references.length).fill(null);
  let next = 0;
  const readNext = async (): Promise<void> => {
    for (let index = next++; index < references.length; index = next++)
      headers[index] = await readHeader(files, references[index]!, onProblem, accepted);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readNext));
  return headers.filter((header) => header !== null);
}

async function readHeader(
  files: FileReader,
  reference: FileReference,
  onProblem: (problem: HeaderProblem) => void,
  accepted: Accepted,
): Promise<InstanceHeader | null> {
  try {
    return headerOf(reference, await readPart10Head(files, reference), accepted);
  } catch (thrown) {
    onProblem({ reference, seriesInstanceUid: reference.split('/').at(-2) ?? null, error: asIchorError(thrown) });
    return null;
  }
}

function headerOf(reference: FileReference, part10: Part10, accepted: Accepted): InstanceHeader {
  const { dataset, transferSyntaxUid } = part10;
  const uid = (name: string, keyword: Keyword): string => {
    const value = dataset.text(keyword);
    if (value === null) throw new IchorError('UID_MISSING', { name });
    return value;
  };
  return {
    reference,
    studyInstanceUid: uid('Study Instance UID', 'StudyInstanceUID'),
    seriesInstanceUid: uid('Series Instance UID', 'SeriesInstanceUID'),
    sopInstanceUid: uid('SOP Instance UID', 'SOPInstanceUID'),
    sopClassUid:
      (accepted.has('missing-sop-class') ? likelySopClass(part10) : null) ?? uid('SOP Class UID', 'SOPClassUID'),
    transferSyntaxUid,
    modality: dataset.text('Modality'),
    seriesDescription: dataset.text('SeriesDescription'),
    studyDescription: dataset.text('StudyDescription'),
    protocolName: dataset.text('ProtocolName'),
    bodyPartExamined: bodyPartOf(dataset),
    imageType: dataset.texts('ImageType'),
    convolutionKernels: kernelsOf(dataset),
    manufacturer: dataset.text('Manufacturer'),
    contrastAgent: contrastAgentOf(dataset),
    rescaleTypes: rescaleTypesOf(dataset),
    rescales: rescalesOf(dataset),
    rows: dataset.number('Rows'),
    columns: dataset.number('Columns'),
    samplesPerPixel: dataset.number('SamplesPerPixel') ?? 1,
    photometricInterpretation: dataset.text('PhotometricInterpretation'),
    hasPixelData: dataset.has('PixelData'),
    frameOfReferenceUid: dataset.text('FrameOfReferenceUID'),
    patientPosition: dataset.text('PatientPosition'),
    marks: scanMarksOf(dataset, kernelsOf(dataset)),
    sliceLocationMm: dataset.number('SliceLocation'),
    numberOfFrames: dataset.number('NumberOfFrames'),
    frames: framesOf(dataset),
    dataset,
  };
}

/** Where an instance does not say what it is: what its file says, else a CT image by its modality; null when neither tells. */
function likelySopClass({ dataset, sopClassUid }: Part10): string | null {
  return dataset.text('SOPClassUID') ?? sopClassUid ?? (dataset.text('Modality') === 'CT' ? SOP_CLASS.ctImage : null);
}

/** Enhanced multi-frame: per-frame functional groups before shared ones (PS3.3 C.7.6.16). */
function framesOf(dataset: Dataset): FrameGeometry[] {
  const perFrame = dataset.items('PerFrameFunctionalGroupsSequence');
  if (perFrame.length === 0) return [geometryOf(dataset, dataset, dataset, [], dataset.number('AcquisitionNumber'))];
  const shared = dataset.items('SharedFunctionalGroupsSequence')[0];
  const macro = (frame: Dataset, keyword: Keyword): Dataset =>
    frame.items(keyword)[0] ?? shared?.items(keyword)[0] ?? EMPTY;
  return perFrame.map((frame) =>
    geometryOf(
      macro(frame, 'PlanePositionSequence'),
      macro(frame, 'PlaneOrientationSequence'),
      macro(frame, 'PixelMeasuresSequence'),
      macro(frame, 'CTImageFrameTypeSequence').texts('FrameType'),
      macro(frame, 'FrameContentSequence').number('FrameAcquisitionNumber', 'US'),
    ),
  );
}

function geometryOf(
  position: Dataset,
  orientation: Dataset,
  measures: Dataset,
  frameType: readonly string[],
  acquisitionNumber: number | null,
): FrameGeometry {
  return {
    positionMm: exactly(3, position.numbers('ImagePositionPatient')) as FrameGeometry['positionMm'],
    orientation: exactly(6, orientation.numbers('ImageOrientationPatient')) as FrameGeometry['orientation'],
    pixelSpacingMm: exactly(2, measures.numbers('PixelSpacing')) as FrameGeometry['pixelSpacingMm'],
    sliceThicknessMm: measures.number('SliceThickness'),
    frameType,
    acquisitionNumber,
  };
}

function exactly(count: number, values: readonly number[]): readonly number[] | null {
  return values.length === count && values.every(Number.isFinite) ? values : null;
}

const EMPTY: Dataset = {
  text: () => null,
  texts: () => [],
  number: () => null,
  numbers: () => [],
  items: () => [],
  has: () => false,
  pixelData: () => null,
};
