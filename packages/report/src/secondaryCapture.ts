/** A heat map as Secondary Capture instance (PS3.3 A.8.1), placed where its source slice lies so that viewers link scrolling. */

import type { KeySliceImage, Slice, SliceStack, SourceIdentity } from '@ichor/analysis/types';
import { CODES } from '@ichor/dicom/codes';
import { SOP_CLASS } from '@ichor/dicom/sopClasses';
import { deriveUid } from '@ichor/dicom/uid';
import type { TriageResult } from '@ichor/shared/study';
import { targetOf } from '@ichor/shared/target';
import { coded } from './contentItems.ts';
import { drawHeatmap, magnification } from './heatmapImage.ts';
import { commonAttributes, dicomDateTime, encodeInstance } from './instance.ts';
import { keySlicePicture, scored, shownFirst } from './keySlicePicture.ts';
import { validCode } from './validValues.ts';

export type HeatmapRequest = {
  readonly result: TriageResult;
  readonly identity: SourceIdentity;
  readonly stack: SliceStack;
  readonly keySlice: KeySliceImage;
  /** 1-based, in the order of the series. */
  readonly instanceNumber: number;
  readonly at: Date;
};

/** The map shown is that of the slice's strongest kind; the other classes are named with their scores. */
export async function writeHeatmap(
  request: HeatmapRequest,
): Promise<{ sopInstanceUid: string; seriesInstanceUid: string; bytes: Uint8Array }> {
  const { result, identity, stack, keySlice, at } = request;
  const slice = stack.slices[keySlice.sliceIndex]!;
  const target = targetOf(result.model);
  const shown = shownFirst(keySlice.maps, target);
  const { rgb, rows, columns } = await drawHeatmap(keySlicePicture(stack, keySlice, result.model));
  const scale = magnification(slice);
  const { date, time } = dicomDateTime(at, identity);
  const derived = (...role: string[]): string =>
    deriveUid(result.studyInstanceUid, result.inputDigest, result.model.sha256, ...role);
  const [sopInstanceUid, seriesInstanceUid] = [
    derived('SC', slice.sopInstanceUid, String(slice.frameNumber)),
    derived('SC series'),
  ];
  const bytes = encodeInstance(
    {
      ...commonAttributes(identity, result.model, at),
      SOPClassUID: SOP_CLASS.secondaryCapture,
      SOPInstanceUID: sopInstanceUid,
      ImageType: ['DERIVED', 'SECONDARY', 'OTHER'],
      Modality: 'OT',
      ConversionType: 'WSD',
      SeriesInstanceUID: seriesInstanceUid,
      SeriesNumber: 9902,
      SeriesDescription: `Ichor ${target.code} heat maps (not for diagnostic use)`,
      SeriesDate: date,
      SeriesTime: time,
      InstanceNumber: request.instanceNumber,
      ContentDate: date,
      ContentTime: time,
      DerivationDescription: `Grad-CAM of the ${shown[0].of === 'cnn' ? 'CNN alone' : 'sequence model'} for ${target.classes[shown[0].classIndex]!.meaning} over the brain window (centre 40, width 80). Not for diagnostic use.`,
      SourceImageSequence: [
        {
          ReferencedSOPClassUID: slice.sopClassUid,
          ReferencedSOPInstanceUID: slice.sopInstanceUid,
          ...(slice.frames > 1 ? { ReferencedFrameNumber: slice.frameNumber } : {}),
          PurposeOfReferenceCodeSequence: [coded(CODES.sourceForDerivation)],
        },
      ],
      ImageComments: shown
        .map((map) => scored(map, target, 'meaning'))
        .join('; ')
        .slice(0, 1024),
      PatientOrientation: [],
      ...(stack.frameOfReferenceUid === null
        ? {}
        : { FrameOfReferenceUID: stack.frameOfReferenceUid, PositionReferenceIndicator: '' }),
      ImagePositionPatient: drawnPosition(slice, scale).map(decimal),
      ImageOrientationPatient: slice.orientation.map(decimal),
      PixelSpacing: slice.pixelSpacingMm.map((mm) => decimal(mm / scale)),
      BodyPartExamined: validCode(identity.bodyPartExamined) ?? 'HEAD',
      SamplesPerPixel: 3,
      PhotometricInterpretation: 'RGB',
      PlanarConfiguration: 0,
      Rows: rows,
      Columns: columns,
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelRepresentation: 0,
      BurnedInAnnotation: 'YES',
      PixelData: new Uint8Array(rgb.length % 2 === 0 ? rgb : Buffer.concat([rgb, Buffer.alloc(1)])).buffer,
    },
    { PixelData: 'OB' },
  );
  return { sopInstanceUid, seriesInstanceUid, bytes };
}

/** The centre of the first drawn pixel: of an enlarged picture it lies nearer to the corner than the source's. mm */
function drawnPosition(
  { positionMm, orientation, pixelSpacingMm: [betweenRows, betweenColumns] }: Slice,
  scale: number,
) {
  const share = (1 / scale - 1) / 2;
  return positionMm.map(
    (mm, axis) => mm + share * (orientation[axis]! * betweenColumns + orientation[axis + 3]! * betweenRows),
  );
}

const decimal = (value: number): number => Math.round(value * 1e7) / 1e7;
