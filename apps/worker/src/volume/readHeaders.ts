/** The heads of a study's files: what selection and geometry need, without holding pixels in memory. */
import { asIchorError, type Dataset, IchorError, type Part10, readPart10Head, type Tag } from '@ichor/shared';

/** One frame's place in space; null when missing or invalid. */
export type FrameGeometry = {
  readonly positionMm: readonly [number, number, number] | null;
  readonly orientation: readonly [number, number, number, number, number, number] | null;
  readonly pixelSpacingMm: readonly [number, number] | null;
  readonly sliceThicknessMm: number | null;
  /** Image Type of the frame, enhanced multi-frame only. */
  readonly frameType: readonly string[];
};

/** An instance without its pixels. */
export type InstanceHeader = {
  readonly path: string;
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
  readonly path: string;
  readonly seriesInstanceUid: string | null;
  readonly error: IchorError;
};

const AT_ONCE = 8;

/** Reads every head; a file that is not DICOM, or whose head cannot be read, goes to `onProblem`, with FILE_UNREADABLE when the file system is to blame. */
export async function readHeaders(
  paths: readonly string[],
  onProblem: (problem: HeaderProblem) => void,
): Promise<InstanceHeader[]> {
  const headers: (InstanceHeader | null)[] = new Array(paths.length).fill(null);
  let next = 0;
  const readNext = async (): Promise<void> => {
    for (let index = next++; index < paths.length; index = next++)
      headers[index] = await readHeader(paths[index]!, onProblem);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readNext));
  return headers.filter((header) => header !== null);
}

async function readHeader(path: string, onProblem: (problem: HeaderProblem) => void): Promise<InstanceHeader | null> {
  try {
    return headerOf(path, await readPart10Head(path));
  } catch (thrown) {
    onProblem({ path, seriesInstanceUid: path.split('/').at(-2) ?? null, error: asIchorError(thrown) });
    return null;
  }
}

function headerOf(path: string, { dataset, transferSyntaxUid }: Part10): InstanceHeader {
  const uid = (name: string, tag: Tag): string => {
    const value = dataset.text(tag);
    if (value === null) throw new IchorError('UID_MISSING', { name });
    return value;
  };
  return {
    path,
    studyInstanceUid: uid('Study Instance UID', 'x0020000d'),
    seriesInstanceUid: uid('Series Instance UID', 'x0020000e'),
    sopInstanceUid: uid('SOP Instance UID', 'x00080018'),
    sopClassUid: uid('SOP Class UID', 'x00080016'),
    transferSyntaxUid,
    modality: dataset.text('x00080060'),
    seriesDescription: dataset.text('x0008103e'),
    studyDescription: dataset.text('x00081030'),
    protocolName: dataset.text('x00181030'),
    bodyPartExamined: dataset.text('x00180015') ?? anatomicRegionOf(dataset),
    imageType: dataset.texts('x00080008'),
    convolutionKernels: kernelsOf(dataset),
    manufacturer: dataset.text('x00080070'),
    contrastAgent: contrastAgentOf(dataset),
    rescaleTypes: rescaleTypesOf(dataset),
    rescales: rescalesOf(dataset),
    rows: dataset.number('x00280010'),
    columns: dataset.number('x00280011'),
    samplesPerPixel: dataset.number('x00280002') ?? 1,
    photometricInterpretation: dataset.text('x00280004'),
    hasPixelData: dataset.has('x7fe00010'),
    frameOfReferenceUid: dataset.text('x00200052'),
    patientPosition: dataset.text('x00185100'),
    sliceLocationMm: dataset.number('x00201041'),
    numberOfFrames: dataset.number('x00280008'),
    frames: framesOf(dataset),
    dataset,
  };
}

/** Contrast/Bolus Agent, its ingredient, or its sequence, the only one that enhanced CT has (PS3.3 C.7.6.4, C.7.6.4b). */
function contrastAgentOf(dataset: Dataset): string | null {
  const item = dataset.items('x00180012')[0];
  const code = item && (item.text('x00080104') ?? 'Contrast/Bolus Agent Sequence');
  return dataset.text('x00180010') ?? dataset.text('x00181048') ?? code ?? null;
}

/** Convolution Kernel, also where enhanced CT keeps it: CT Reconstruction Sequence (0018,9314) of the functional groups. */
function kernelsOf(dataset: Dataset): string[] {
  const enhanced = groupsOf(dataset).flatMap((group) =>
    group.items('x00189314').flatMap((item) => item.texts('x00181210')),
  );
  return [...dataset.texts('x00181210'), ...enhanced].filter(Boolean);
}

/** Rescale Type; enhanced CT has it in its Pixel Value Transformation Sequence (0028,9145). */
function rescaleTypesOf(dataset: Dataset): string[] {
  const sources = [dataset, ...groupsOf(dataset).flatMap((group) => group.items('x00289145'))];
  return [...new Set(sources.flatMap((source) => source.text('x00281054') ?? []))];
}

/** Functional groups go before the dataset itself, as in loadSlice. */
function rescalesOf(dataset: Dataset): string[] {
  const grouped = groupsOf(dataset).flatMap((group) => group.items('x00289145'));
  const sources = grouped.length > 0 ? grouped : [dataset];
  const pairs = sources.map((source) => `${source.number('x00281053') ?? 1} and ${source.number('x00281052')}`);
  return [...new Set(pairs)];
}

/** Anatomic Region Sequence (0008,2218), in enhanced CT within Frame Anatomy (0020,9071): its Code Meaning. */
function anatomicRegionOf(dataset: Dataset): string | null {
  const sources = [dataset, ...groupsOf(dataset).flatMap((group) => group.items('x00209071'))];
  return sources.flatMap((source) => source.items('x00082218')[0]?.text('x00080104') ?? [])[0] ?? null;
}

/** Functional groups, shared ones first. */
const groupsOf = (dataset: Dataset): Dataset[] => [...dataset.items('x52009229'), ...dataset.items('x52009230')];

/** Enhanced multi-frame: per-frame functional groups before shared ones (PS3.3 C.7.6.16). */
function framesOf(dataset: Dataset): FrameGeometry[] {
  const perFrame = dataset.items('x52009230');
  if (perFrame.length === 0) return [geometryOf(dataset, dataset, dataset, [])];
  const shared = dataset.items('x52009229')[0];
  const macro = (frame: Dataset, tag: Tag): Dataset => frame.items(tag)[0] ?? shared?.items(tag)[0] ?? EMPTY;
  return perFrame.map((frame) =>
    geometryOf(
      macro(frame, 'x00209113'),
      macro(frame, 'x00209116'),
      macro(frame, 'x00289110'),
      macro(frame, 'x00189329').texts('x00089007'),
    ),
  );
}

function geometryOf(
  position: Dataset,
  orientation: Dataset,
  measures: Dataset,
  frameType: readonly string[],
): FrameGeometry {
  return {
    positionMm: exactly(3, position.numbers('x00200032')) as FrameGeometry['positionMm'],
    orientation: exactly(6, orientation.numbers('x00200037')) as FrameGeometry['orientation'],
    pixelSpacingMm: exactly(2, measures.numbers('x00280030')) as FrameGeometry['pixelSpacingMm'],
    sliceThicknessMm: measures.number('x00180050'),
    frameType,
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
