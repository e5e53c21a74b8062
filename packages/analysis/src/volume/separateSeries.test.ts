import { describe, expect, test } from '@jest/globals';
import type { FrameGeometry, InstanceHeader } from './readHeaders.ts';
import { separateSeries } from './separateSeries.ts';

type Wanted = Partial<InstanceHeader> & Partial<FrameGeometry>;
let made = 0;
const instance = ({
  positionMm = [0, 0, 0],
  orientation = [1, 0, 0, 0, 1, 0],
  pixelSpacingMm = [0.5, 0.5],
  ...rest
}: Wanted) =>
  ({
    sopInstanceUid: String(made++),
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    modality: 'CT',
    seriesDescription: 'Head',
    protocolName: null,
    imageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
    convolutionKernels: ['H31s'],
    frameOfReferenceUid: '1.4',
    samplesPerPixel: 1,
    rows: 512,
    columns: 512,
    frames: [{ positionMm, orientation, pixelSpacingMm, sliceThicknessMm: 5, frameType: [], acquisitionNumber: 1 }],
    ...rest,
  }) as unknown as InstanceHeader;
const at = (mm: number, change: Wanted = {}): InstanceHeader => instance({ positionMm: [0, 0, mm], ...change });
const head = (change: Wanted = {}, fromMm = 0, count = 32): InstanceHeader[] =>
  Array.from({ length: count }, (_, index) => at(fromMm + index * 5, change));
const setAside = (instances: readonly InstanceHeader[]): string[] =>
  separateSeries(instances).leftOut.map((left) => `${left.instances} ${left.why}`);

const NO_PLACE: Wanted = { positionMm: null, orientation: null };
const CORONAL: Wanted = { orientation: [1, 0, 0, 0, 0, -1] };
const CAPTURE: Wanted = { imageType: ['DERIVED', 'SECONDARY', 'SCREEN SAVE'] };

describe('one foreign instance among 32 slices', () => {
  test.each<[string, InstanceHeader, string]>([
    ['a localizer', at(0, { ...NO_PLACE, imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }), 'a localizer (scout)'],
    ['a coronal scout that says it is axial', at(150, { ...CORONAL, rows: 100 }), 'not axial'],
    ['a coronal scout with the matrix of the slices', at(400, CORONAL), 'not axial'],
    ['a screen capture', at(0, { ...NO_PLACE, ...CAPTURE }), 'derived or secondary (reformat, screen capture)'],
    ['a Secondary Capture', at(0, { ...NO_PLACE, sopClassUid: '1.2.840.10008.5.1.4.1.1.7' }), 'no CT image'],
    [
      'a dose report',
      at(0, { ...NO_PLACE, sopClassUid: '1.2.840.10008.5.1.4.1.1.88.67', modality: 'SR' }),
      'no CT image',
    ],
    ['a colour picture', at(0, { ...NO_PLACE, samplesPerPixel: 3 }), 'a colour picture'],
    ['a slice of another matrix between them', at(52, { rows: 256 }), 'of another matrix or pixel spacing'],
    ['a slice of another matrix at the place of one', at(50, { rows: 256 }), 'of another matrix or pixel spacing'],
    ['a slice of another frame of reference', at(52, { frameOfReferenceUid: '1.9' }), 'of another frame of reference'],
    ['a slice of another tilt', at(50, { orientation: [1, 0, 0, 0, 0.97, 0.243] }), 'of another orientation'],
    [
      'a reformatted slice',
      at(50, { imageType: ['DERIVED', 'PRIMARY', 'AXIAL'] }),
      'derived or secondary (reformat, screen capture)',
    ],
  ])('%s is left out and told', (_name, foreign, why) => {
    const slices = head();
    expect(separateSeries([foreign, ...slices])).toEqual({ slices, leftOut: [{ instances: 1, why }] });
  });
});

test.each<[string, InstanceHeader[]]>([
  ['of another matrix above the last one', [...head(), at(160, { rows: 256 })]],
  ['derived, below the first one', [at(-5, { imageType: ['DERIVED', 'PRIMARY'] }), ...head()]],
  ['of another matrix where a gap would be without it', [...head(), ...head({}, 170, 10), at(165, { rows: 256 })]],
  ['without a position', [...head(), at(0, { positionMm: null })]],
  ['without an orientation', [...head(), at(0, { orientation: null })]],
  ['whose directions are oblique, above the last one', [...head(), at(160, { orientation: [1, 0, 0, 0, 0.7, 0.714] })]],
  [
    'that calls itself a localizer, and lies above the last one',
    [...head(), at(160, { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] })],
  ],
  ['whose Modality is not CT, above the last one', [...head(), at(160, { modality: 'OT' })]],
])('what could be a slice of the stack stays, for the checks that follow: one %s', (_name, instances) => {
  expect(separateSeries(instances)).toEqual({ slices: instances, leftOut: [] });
});

describe('many instances of another kind', () => {
  test('a bone reconstruction of the same places is left out', () => {
    expect(setAside([...head({ convolutionKernels: ['H60s'] }), ...head()])).toEqual(['32 of a bone kernel']);
  });
  test('a bone reconstruction that reaches farther is not', () => {
    expect(setAside([...head({ convolutionKernels: ['H60s'] }, 0, 40), ...head()])).toEqual(['32 of a bone kernel']);
    expect(separateSeries([...head({ convolutionKernels: ['H60s'] }, 0, 40), ...head()]).slices).toHaveLength(40);
  });
  test('another frame of reference or matrix stays: two acquisitions, and which to read is not known', () => {
    for (const other of [head({ frameOfReferenceUid: '1.9' }, 2.5), head({ rows: 256 }), head({ rows: 256 }, 0, 4)])
      expect(setAside([...head(), ...other])).toEqual([]);
  });
  test('a series of one kind, whichever, is left as it is', () => {
    for (const change of [CAPTURE, CORONAL, { modality: 'MR' }, { convolutionKernels: ['H60s'] }, NO_PLACE])
      expect(setAside(head(change))).toEqual([]);
  });
  test('a localizer is left out of a derived series too', () => {
    const scout = at(0, { ...CORONAL, imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] });
    expect(setAside([scout, ...head({ imageType: ['DERIVED', 'PRIMARY'] })])).toEqual(['1 a localizer (scout)']);
  });
});
