/** The instances that inputs are made of: a phantom's slice in every transfer syntax, multi-frame, reports, and odd forms. */

import { part10Header } from '@ichor/dicom/part10';
import { readMeta } from '@ichor/dicom/readPart10';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { type DatasetOf, encodePart10, PHANTOM_TRANSFER_SYNTAXES } from '@ichor/phantom/encodePart10';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { type Identity, TRICKY } from '../../support/rawDataset.ts';
import { elementBytes } from '../mutate/elements.ts';

export const CT = '1.2.840.10008.5.1.4.1.1.2';
const ENHANCED_CT = '1.2.840.10008.5.1.4.1.1.2.1';
const COMPREHENSIVE_SR = '1.2.840.10008.5.1.4.1.1.88.33';

export type CorpusInstance = {
  readonly name: string;
  readonly transferSyntaxUid: string;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly dataset: Buffer;
};
export type Corpus = {
  /** Files of a study that can be analysed; the one at `slice` is what the first instances are copies of. */
  readonly study: { readonly files: readonly string[]; readonly slice: number };
  /** Copies of one slice, one for each accepted transfer syntax, then others that show pixels. */
  readonly images: readonly CorpusInstance[];
  /** Reports and odd forms, without pixels that could be analysed. */
  readonly others: readonly CorpusInstance[];
};

const SLICES = 12;
const SLICE = 6;
/** A codestream that is valid in the first transfer syntax is so in the second. */
const ALSO: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2.4.57': '1.2.840.10008.1.2.4.70',
  '1.2.840.10008.1.2.4.81': '1.2.840.10008.1.2.4.80',
  '1.2.840.10008.1.2.4.91': '1.2.840.10008.1.2.4.90',
  '1.2.840.10008.1.2.4.203': '1.2.840.10008.1.2.4.201',
};

/** Always the same, byte for byte. @param folder for the files of the study */
export async function makeCorpus(folder: string): Promise<Corpus> {
  const datasets: DatasetOf[] = [];
  const { phantom, files } = await writePhantomStudy({
    out: folder,
    seed: 5,
    matrix: 64,
    slices: SLICES,
    bleeds: [],
    confounders: [],
    decorate: (dataset) => void datasets.push({ ...dataset }),
  });
  const hu = phantom.slices[SLICE]!.hu;
  const images: CorpusInstance[] = [];
  for (const { uid } of TRANSFER_SYNTAXES) {
    const made = PHANTOM_TRANSFER_SYNTAXES.includes(uid) ? uid : ALSO[uid]!;
    images.push(instanceOf('slice', uid, await encodePart10(datasets[SLICE]!, hu, made)));
  }
  const volume = new Int16Array(hu.length * SLICES);
  for (const [index, slice] of phantom.slices.entries()) volume.set(slice.hu, index * hu.length);
  for (const uid of [EXPLICIT, '1.2.840.10008.1.2', '1.2.840.10008.1.2.5', '1.2.840.10008.1.2.4.90'])
    images.push(instanceOf('enhanced', uid, await encodePart10(enhancedOf(datasets), volume, uid)));
  return { study: { files, slice: SLICE }, images, others: [...odd(), report()] };
}

const EXPLICIT = '1.2.840.10008.1.2.1';

function instanceOf(kind: string, transferSyntaxUid: string, part10: Uint8Array): CorpusInstance {
  const bytes = Buffer.from(part10);
  const { datasetOffset, sopClassUid, sopInstanceUid } = readMeta(bytes, kind);
  return {
    name: `${kind} ${transferSyntaxUid.replace('1.2.840.10008.', '')}`,
    transferSyntaxUid,
    sopClassUid: sopClassUid!,
    sopInstanceUid: sopInstanceUid!,
    dataset: bytes.subarray(datasetOffset),
  };
}

/** The slices as one Enhanced CT instance (PS3.3 A.38). */
function enhancedOf(datasets: readonly DatasetOf[]): DatasetOf {
  const first = datasets[0]!;
  const copied = Object.fromEntries(
    ['StudyInstanceUID', 'SeriesInstanceUID', 'FrameOfReferenceUID', 'Modality', 'BodyPartExamined', 'PatientID'].map(
      (keyword) => [keyword, first[keyword]],
    ),
  );
  const pixels = [
    'SamplesPerPixel',
    'PhotometricInterpretation',
    'Rows',
    'Columns',
    'BitsAllocated',
    'BitsStored',
    'HighBit',
  ];
  return {
    ...copied,
    ...Object.fromEntries(pixels.map((keyword) => [keyword, first[keyword]])),
    ...{ SOPClassUID: ENHANCED_CT, SOPInstanceUID: '1.2.3.4.5', ImageType: ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE'] },
    ...{ NumberOfFrames: datasets.length, PixelRepresentation: 0, RescaleIntercept: -1024, RescaleSlope: 1 },
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [{ ImageOrientationPatient: first['ImageOrientationPatient'] }],
        PixelMeasuresSequence: [{ PixelSpacing: first['PixelSpacing'], SliceThickness: first['SliceThickness'] }],
        PixelValueTransformationSequence: [{ RescaleIntercept: -1024, RescaleSlope: 1, RescaleType: 'HU' }],
      },
    ],
    PerFrameFunctionalGroupsSequence: datasets.map((dataset) => ({
      PlanePositionSequence: [{ ImagePositionPatient: dataset['ImagePositionPatient'] }],
      CTImageFrameTypeSequence: [{ FrameType: ['ORIGINAL', 'PRIMARY', 'AXIAL', 'NONE'] }],
    })),
  };
}

function odd(): CorpusInstance[] {
  return TRICKY.map(({ name, transferSyntaxUid, dataset }, index) => {
    const identity: Identity = {
      study: '1.2.3.77',
      series: '1.2.3.77.1',
      instance: `1.2.3.77.1.${index + 1}`,
      sopClass: CT,
    };
    return {
      name,
      transferSyntaxUid,
      sopClassUid: CT,
      sopInstanceUid: identity.instance,
      dataset: dataset(identity),
    };
  });
}

/** A dose report in short: content items within content items. */
function report(): CorpusInstance {
  const text = (tag: number, vr: string, value: string): Buffer =>
    elementBytes(
      'explicit',
      tag,
      vr,
      Buffer.from(value.length % 2 === 0 ? value : `${value}${vr === 'UI' ? '\0' : ' '}`),
    );
  const sequence = (tag: number, ...content: Buffer[]): Buffer =>
    elementBytes('explicit', tag, 'SQ', elementBytes('explicit', 0xfffee000, '', Buffer.concat(content)));
  const item = (...children: Buffer[]): Buffer =>
    Buffer.concat([
      text(0x0040a010, 'CS', 'CONTAINS'),
      text(0x0040a040, 'CS', 'CONTAINER'),
      sequence(
        0x0040a043,
        text(0x00080100, 'SH', '113811'),
        text(0x00080102, 'SH', 'DCM'),
        text(0x00080104, 'LO', 'CT'),
      ),
      ...(children.length > 0 ? [sequence(0x0040a730, ...children)] : []),
    ]);
  const dataset = Buffer.concat([
    text(0x00080016, 'UI', COMPREHENSIVE_SR),
    text(0x00080018, 'UI', '1.2.3.78.1.1'),
    text(0x00080060, 'CS', 'SR'),
    text(0x00100010, 'PN', 'PHANTOM^REPORT'),
    text(0x0020000d, 'UI', '1.2.3.78'),
    text(0x0020000e, 'UI', '1.2.3.78.1'),
    item(item(item())),
  ]);
  const [transferSyntaxUid, sopClassUid, sopInstanceUid] = [EXPLICIT, COMPREHENSIVE_SR, '1.2.3.78.1.1'];
  return { name: 'report', transferSyntaxUid, sopClassUid, sopInstanceUid, dataset };
}

/** An instance as a Part 10 file. */
export const part10Of = ({ sopClassUid, sopInstanceUid, transferSyntaxUid, dataset }: CorpusInstance): Buffer =>
  Buffer.concat([part10Header({ sopClassUid, sopInstanceUid, transferSyntaxUid, callingAeTitle: 'FUZZ' }), dataset]);
