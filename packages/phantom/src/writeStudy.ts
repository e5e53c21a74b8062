/** A phantom as a DICOM CT series on disk, clearly marked synthetic, with its labels beside it. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SOP_CLASS } from '@ichor/dicom/sopClasses';
import { deriveUid } from '@ichor/dicom/uid';
import { BLEEDS, type Bleed } from './bleeds.ts';
import { type DatasetOf, encodePart10 } from './encodePart10.ts';
import { generatePhantom, type Phantom, type PhantomOptions, type PhantomSlice } from './generatePhantom.ts';

export type PhantomStudyOptions = PhantomOptions & {
  /** Folder for the instances, labels.csv and bleeds.csv; made when missing. */
  readonly out: string;
  readonly transferSyntaxUid?: string;
  /** Another salt gives the same images new UIDs, as if scanned again. */
  readonly uidSalt?: string;
  /** Changes the attributes of an instance before it is written; tests make bad input with it. */
  readonly decorate?: (dataset: DatasetOf, sliceIndex: number) => void;
};

export type PhantomStudy = {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly accessionNumber: string;
  readonly files: readonly string[];
  readonly sopInstanceUids: readonly string[];
  readonly phantom: Phantom;
};

/**
 * Generates a phantom and writes it as one CT series.
 * @throws IchorError TRANSFER_SYNTAX_UNSUPPORTED
 */
export async function writePhantomStudy(options: PhantomStudyOptions): Promise<PhantomStudy> {
  const phantom = generatePhantom(options);
  const identity = identityOf(phantom, options.uidSalt ?? '');
  await mkdir(options.out, { recursive: true });
  const files: string[] = [];
  for (const [index, slice] of phantom.slices.entries()) {
    const dataset = instanceOf(phantom, identity, slice, index);
    options.decorate?.(dataset, index);
    const file = join(options.out, `${String(index + 1).padStart(4, '0')}.dcm`);
    await writeFile(file, await encodePart10(dataset, slice.hu, options.transferSyntaxUid));
    files.push(file);
  }
  await writeFile(join(options.out, 'labels.csv'), labelsCsv(phantom, identity));
  await writeFile(join(options.out, 'bleeds.csv'), bleedsCsv(phantom, identity));
  const { studyInstanceUid, seriesInstanceUid, accessionNumber, sopInstanceUids } = identity;
  return { studyInstanceUid, seriesInstanceUid, accessionNumber, files, sopInstanceUids, phantom };
}

type Identity = {
  readonly patientId: string;
  readonly accessionNumber: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string;
  readonly sopInstanceUids: readonly string[];
};

function identityOf(phantom: Phantom, salt: string): Identity {
  const key = [
    salt,
    phantom.seed,
    phantom.matrix,
    phantom.slices.length,
    phantom.bleeds.join('+'),
    phantom.confounders.join('+'),
  ].join(' ');
  const uid = (role: string): string => deriveUid('phantom', key, role);
  return {
    patientId: `PHANTOM-${phantom.seed}`,
    accessionNumber: `PH${uid('accession').slice(-10)}`,
    studyInstanceUid: uid('study'),
    seriesInstanceUid: uid('series'),
    frameOfReferenceUid: uid('frame of reference'),
    sopInstanceUids: phantom.slices.map((_, index) => uid(`instance ${index}`)),
  };
}

const STORED_INTERCEPT = -1024;

/** The attributes of one CT Image Storage instance (PS3.3 A.3), without Pixel Data. */
function instanceOf(phantom: Phantom, identity: Identity, slice: PhantomSlice, index: number): DatasetOf {
  const half = (phantom.matrix * phantom.pixelSpacingMm) / 2;
  return {
    SpecificCharacterSet: 'ISO_IR 100',
    ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
    SOPClassUID: SOP_CLASS.ctImage,
    SOPInstanceUID: identity.sopInstanceUids[index]!,
    StudyDate: '20260101',
    SeriesDate: '20260101',
    AcquisitionDate: '20260101',
    ContentDate: '20260101',
    StudyTime: '120000',
    SeriesTime: '120000',
    AcquisitionTime: '120000',
    ContentTime: '120000',
    AccessionNumber: identity.accessionNumber,
    Modality: 'CT',
    Manufacturer: 'Ichor phantom',
    ReferringPhysicianName: '',
    StudyDescription: 'Synthetic head CT (phantom)',
    SeriesDescription: 'Head 5 mm soft tissue (synthetic)',
    ManufacturerModelName: 'Synthetic, not a scanner',
    PatientName: `PHANTOM^SYNTHETIC ${phantom.seed}`,
    PatientID: identity.patientId,
    PatientBirthDate: '',
    PatientSex: 'O',
    PatientComments: 'SYNTHETIC IMAGES, NOT A PATIENT',
    BodyPartExamined: 'HEAD',
    SliceThickness: phantom.sliceSpacingMm,
    KVP: 120,
    SpacingBetweenSlices: phantom.sliceSpacingMm,
    DeviceSerialNumber: '0',
    SoftwareVersions: 'ichor-phantom 1',
    ProtocolName: 'Head without contrast',
    GantryDetectorTilt: 0,
    ConvolutionKernel: 'SOFT',
    PatientPosition: 'HFS',
    StudyInstanceUID: identity.studyInstanceUid,
    SeriesInstanceUID: identity.seriesInstanceUid,
    StudyID: String(phantom.seed).slice(0, 16),
    SeriesNumber: 2,
    AcquisitionNumber: 1,
    InstanceNumber: index + 1,
    ImagePositionPatient: [
      -half + phantom.pixelSpacingMm / 2,
      -half + phantom.pixelSpacingMm / 2,
      slice.positionMm,
    ].map(decimal),
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    FrameOfReferenceUID: identity.frameOfReferenceUid,
    PositionReferenceIndicator: '',
    SliceLocation: decimal(slice.positionMm),
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: phantom.matrix,
    Columns: phantom.matrix,
    PixelSpacing: [phantom.pixelSpacingMm, phantom.pixelSpacingMm].map(decimal),
    BitsAllocated: 16,
    BitsStored: 12,
    HighBit: 11,
    PixelRepresentation: 0,
    WindowCenter: 40,
    WindowWidth: 80,
    RescaleIntercept: STORED_INTERCEPT,
    RescaleSlope: 1,
    RescaleType: 'HU',
  };
}

const decimal = (value: number): number => Math.round(value * 1e6) / 1e6;

const CLASSES = [...BLEEDS, 'any'];

function labelsCsv(phantom: Phantom, identity: Identity): string {
  const header = `file,patientId,studyInstanceUid,seriesInstanceUid,sopInstanceUid,slice,${CLASSES.join(',')}`;
  const rows = phantom.slices.map((slice, index) =>
    [
      fileName(index),
      identity.patientId,
      identity.studyInstanceUid,
      identity.seriesInstanceUid,
      identity.sopInstanceUids[index],
      index + 1,
      ...slice.labels.map(Number),
    ].join(','),
  );
  return `${[header, ...rows].join('\n')}\n`;
}

/** Where each bleed lies on each slice, so that a heat map can be checked against it. Pixels count from 0. */
function bleedsCsv(phantom: Phantom, identity: Identity): string {
  const header = 'file,sopInstanceUid,class,areaMm2,centroidRow,centroidColumn,minRow,minColumn,maxRow,maxColumn';
  const rows = phantom.slices.flatMap((slice, index) =>
    BLEEDS.filter((_, kind) => slice.labels[kind]).map((kind) =>
      [fileName(index), identity.sopInstanceUids[index], kind, ...extentOf(phantom, slice, kind)].join(','),
    ),
  );
  return `${[header, ...rows].join('\n')}\n`;
}

function extentOf(phantom: Phantom, slice: PhantomSlice, kind: Bleed): (string | number)[] {
  const value = BLEEDS.indexOf(kind) + 1;
  let [count, rowSum, columnSum, minRow, minColumn, maxRow, maxColumn] = [
    0,
    0,
    0,
    phantom.matrix,
    phantom.matrix,
    0,
    0,
  ];
  for (const [index, mask] of slice.mask.entries()) {
    if (mask !== value) continue;
    const [row, column] = [Math.floor(index / phantom.matrix), index % phantom.matrix];
    [count, rowSum, columnSum] = [count + 1, rowSum + row, columnSum + column];
    [minRow, minColumn, maxRow, maxColumn] = [
      Math.min(minRow, row),
      Math.min(minColumn, column),
      Math.max(maxRow, row),
      Math.max(maxColumn, column),
    ];
  }
  const areaMm2 = count * phantom.pixelSpacingMm ** 2;
  return [
    areaMm2.toFixed(1),
    (rowSum / count).toFixed(1),
    (columnSum / count).toFixed(1),
    minRow,
    minColumn,
    maxRow,
    maxColumn,
  ];
}

const fileName = (index: number): string => `${String(index + 1).padStart(4, '0')}.dcm`;
