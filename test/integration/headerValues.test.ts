/**
 * Header values that are believed over pixels, one by one (docs/conformance.md, 2.7): where one is wrong the series is not
 * analysed, for the reason that is true; where it is odd and harmless the findings stay what they are.
 */

import { join } from 'node:path';
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import type { DatasetOf } from '@ichor/phantom/encodePart10';
import { generatePhantom } from '@ichor/phantom/generatePhantom';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { loadConfig } from '@ichor/settings/config';
import type { ReasonCode } from '@ichor/shared/reasons';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { silentLog } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const PHANTOM = { seed: 4_711, matrix: 128, slices: 16, bleeds: ['subdural'] } as const;
const { slices } = generatePhantom(PHANTOM);

let folder: WorkFolder;
let inference: Inference;
let made = 0;
beforeAll(async () => {
  folder = await openWorkFolder('header-values');
  inference = await startInference(loadConfig({}), silentLog);
}, 120_000);
afterAll(async () => {
  await inference.close();
  await folder.remove();
});

type Stored = (hu: number, index: number) => number;
const UNSIGNED: Stored = (hu) => Math.max(0, Math.min(4_095, hu + 1_024));
const SIGNED: Stored = (hu) => hu;

/** The phantom with its stored values fixed, whatever its header then says of them. */
async function analyse(change: DatasetOf | ((dataset: DatasetOf, slice: number) => void), stored = UNSIGNED) {
  const decorate = (dataset: DatasetOf, index: number): void => {
    dataset['PixelData'] = slices[index]!.hu.map(stored).buffer;
    if (typeof change === 'function') change(dataset, index);
    else Object.assign(dataset, change);
    for (const [keyword, value] of Object.entries(dataset)) if (value === undefined) delete dataset[keyword];
  };
  const study = await writePhantomStudy({ ...PHANTOM, out: join(folder.path, String(++made)), decorate });
  return (
    await analyseStudy(study.studyInstanceUid, study.files, { inference, features: noFeatureCache, files: localFiles })
  ).result;
}

const SIXTEEN_SIGNED = { BitsStored: 16, HighBit: 15, PixelRepresentation: 1, RescaleIntercept: 0 };
const FORMAT = ['unsupported-pixel-format'] as const;
const GEOMETRY = ['missing-geometry'] as const;
/** The domain detector, where a bundle has one, may speak first of what is far from every head. */
const VALUES = ['implausible-values', 'out-of-domain'] as const;
/** Every fifth pixel has bit 14 set. */
const withOverlay: Stored = (hu, index) => UNSIGNED(hu, index) | (index % 5 === 0 ? 0x4000 : 0);
const overlay = (bit: number) => ({ OverlayBitsAllocated: 16, OverlayBitPosition: bit });

test.each<[string, readonly ReasonCode[], DatasetOf, Stored?]>([
  ['Pixel Padding Range that reaches tissue', FORMAT, { PixelPaddingValue: 0, PixelPaddingRangeLimit: 1_100 }],
  ['Pixel Padding Range within tissue', FORMAT, { PixelPaddingValue: 1_080, PixelPaddingRangeLimit: 1_110 }],
  ['Pixel Padding Value of brain', FORMAT, { PixelPaddingValue: 1_054 }],
  ['Rescale Intercept 40 too low', VALUES, { RescaleIntercept: -1_064 }],
  ['Rescale Intercept 924 too high', VALUES, { RescaleIntercept: -100 }],
  ['Rescale Slope of a half', VALUES, { RescaleSlope: 0.5 }],
  ['a negative Rescale Slope', VALUES, { RescaleSlope: -1, RescaleIntercept: 1_100 }],
  ['Rescale Slope 0', FORMAT, { RescaleSlope: 0 }],
  ['no Rescale Intercept', FORMAT, { RescaleIntercept: undefined }],
  [
    'a Modality LUT',
    FORMAT,
    {
      ModalityLUTSequence: [{ LUTDescriptor: [4_096, 0, 16], ModalityLUTType: 'HU', _vrMap: { LUTDescriptor: 'US' } }],
    },
  ],
  ['fewer Bits Stored than pixels use', FORMAT, { BitsStored: 11, HighBit: 10 }, (hu, at) => UNSIGNED(hu + 400, at)],
  ['signed values, said to be unsigned', VALUES, { ...SIXTEEN_SIGNED, PixelRepresentation: 0 }, SIGNED],
  ['signed values of 12 bits, said to be unsigned', FORMAT, {}, SIGNED],
  ['Pixel Representation 2', FORMAT, { PixelRepresentation: 2 }],
  ['Bits Allocated 8', ['truncated-pixel-data'], { BitsAllocated: 8, BitsStored: 8, HighBit: 7 }],
  ['an overlay in high bits that nothing announces', FORMAT, {}, withOverlay],
  ['an overlay in the bits of the pixels', FORMAT, overlay(5)],
  ['inverse, where air is dark', VALUES, { ...SIXTEEN_SIGNED, PhotometricInterpretation: 'MONOCHROME1' }, SIGNED],
  ['Pixel Spacing of 0.01 mm', GEOMETRY, { PixelSpacing: [0.01, 0.01] }],
  ['Pixel Spacing of 20 mm', GEOMETRY, { PixelSpacing: [20, 20] }],
  ['Imager Pixel Spacing alone', GEOMETRY, { PixelSpacing: undefined, ImagerPixelSpacing: [3.6, 3.6] }],
  ['directions that are not orthogonal', GEOMETRY, { ImageOrientationPatient: [1, 0, 0, 0.5, 0.866, 0] }],
  ['one position for all slices', ['duplicate-positions'], { ImagePositionPatient: [0, 0, 0] }],
  ['Number of Frames 2', GEOMETRY, { NumberOfFrames: 2 }],
])('%s: not analysed, and the reason is true', async (_name, codes, attributes, stored = UNSIGNED) => {
  const { state, reason } = await analyse(attributes, stored);
  expect(state).toBe('not-analysed');
  expect(codes).toContain(reason?.code);
});

test('one slice with another Rescale Intercept, or turned to another place, is noticed', async () => {
  const one = (attributes: DatasetOf) => (dataset: DatasetOf, index: number) =>
    void (index === 6 && Object.assign(dataset, attributes));
  expect((await analyse(one({ RescaleIntercept: -1_064 }))).reason?.code).toBe('unsupported-pixel-format');
  expect((await analyse(one({ SliceLocation: 9_999 }))).reason?.code).toBe('missing-geometry');
});

test('header values that are odd and harmless change nothing in the findings', async () => {
  const expected = (await analyse({})).sliceScores.map(({ probabilities }) => probabilities);
  const harmless: readonly (readonly [DatasetOf, Stored?])[] = [
    [{ PixelPaddingValue: 4_000, SmallestImagePixelValue: 9, LargestImagePixelValue: 10, SliceThickness: undefined }],
    [
      {
        WindowCenter: 9_000,
        WindowWidth: 1,
        VOILUTSequence: [{ LUTDescriptor: [2, 0, 16], _vrMap: { LUTDescriptor: 'US' } }],
        ImagerPixelSpacing: [9, 9],
      },
    ],
    [overlay(14), withOverlay],
    [{ ...SIXTEEN_SIGNED, SliceLocation: undefined, PatientPosition: 'FFP', InstanceNumber: 7 }, SIGNED],
  ];
  for (const [attributes, stored] of harmless) {
    const { reason, sliceScores } = await analyse(attributes, stored);
    expect([attributes, reason, sliceScores.map(({ probabilities }) => probabilities)]).toEqual([
      attributes,
      null,
      expected,
    ]);
  }
});
