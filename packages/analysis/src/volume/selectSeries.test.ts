import { describe, expect, test } from '@jest/globals';
import { kernelKind } from './headerTerms.ts';
import type { FrameGeometry, InstanceHeader } from './readHeaders.ts';
import { selectSeries } from './selectSeries.ts';

const FRAME: FrameGeometry = {
  positionMm: [0, 0, 0],
  orientation: [1, 0, 0, 0, 1, 0],
  pixelSpacingMm: [0.5, 0.5],
  sliceThicknessMm: 5,
  frameType: [],
  acquisitionNumber: 1,
};
const CT: Partial<InstanceHeader> = {
  sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
  transferSyntaxUid: '1.2.840.10008.1.2.1',
  modality: 'CT',
  seriesDescription: 'Head 5mm',
  studyDescription: null,
  protocolName: null,
  bodyPartExamined: 'HEAD',
  imageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  convolutionKernels: ['H31s'],
  contrastAgent: null,
  rescaleTypes: ['HU'],
  rescales: ['1 and -1024'],
  rows: 512,
  columns: 512,
  samplesPerPixel: 1,
  photometricInterpretation: 'MONOCHROME2',
  hasPixelData: true,
  frames: [FRAME],
};
const seriesOf = (uid: string, change: Partial<InstanceHeader> = {}, count = 30): InstanceHeader[] =>
  Array.from(
    { length: count },
    (_, index) => ({ ...CT, seriesInstanceUid: uid, sopInstanceUid: `${uid}.${index}`, ...change }) as InstanceHeader,
  );
const chosen = (...series: InstanceHeader[][]): string | null =>
  selectSeries(series.flat()).selected?.[0]?.seriesInstanceUid ?? null;
const frame = (change: Partial<FrameGeometry>): Partial<InstanceHeader> => ({ frames: [{ ...FRAME, ...change }] });

test('an accepted reason does not count against a series, every other one still does', () => {
  const derived = { imageType: ['DERIVED', 'PRIMARY', 'AXIAL'] };
  const accepted = new Set(['derived'] as const);
  expect(selectSeries(seriesOf('1', derived), accepted).selected).toHaveLength(30);
  expect(selectSeries(seriesOf('1', { ...derived, bodyPartExamined: 'CHEST' }), accepted).reason?.code).toBe(
    'not-head',
  );
  expect(selectSeries(seriesOf('1', derived, 6), accepted).reason?.code).toBe('too-few-slices');
});

test('an accepted missing body part is no reason; one that names something else still is', () => {
  const unnamed = { bodyPartExamined: null, seriesDescription: null };
  const accepted = new Set(['missing-body-part'] as const);
  expect(selectSeries(seriesOf('1', unnamed)).reason?.code).toBe('not-head');
  expect(selectSeries(seriesOf('1', unnamed), accepted).selected).toHaveLength(30);
  for (const other of [
    { bodyPartExamined: 'CHEST' },
    { seriesDescription: 'Abdomen 5mm' },
    { studyDescription: 'CT NECK' },
  ])
    expect(selectSeries(seriesOf('1', { ...unnamed, ...other }), accepted).reason?.code).toBe('not-head');
});

describe('a single series', () => {
  test('of an ordinary head CT is chosen', () => {
    expect(chosen(seriesOf('1.1'))).toBe('1.1');
  });
  test.each<[string, Partial<InstanceHeader>]>([
    ['not-ct', { modality: 'MR' }],
    ['not-ct', { sopClassUid: '1.2.840.10008.5.1.4.1.1.7' }],
    ['localizer', { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }],
    ['localizer', { seriesDescription: 'Topogram 0.6 T20s' }],
    ['not-head', { bodyPartExamined: 'CHEST' }],
    ['not-head', { bodyPartExamined: null, seriesDescription: 'Axial 5mm' }],
    ['not-head', { seriesDescription: 'C-SPINE 2mm' }],
    ['angiography-or-perfusion', { seriesDescription: 'CTA Head 0.75' }],
    ['contrast', { contrastAgent: 'Omnipaque 350' }],
    ['contrast', { seriesDescription: 'HEAD C+' }],
    ['contrast', { seriesDescription: 'AX POST CONTRAST', protocolName: 'HEAD W/O AND W CONTRAST' }],
    ['contrast', { seriesDescription: 'HEAD W/O AND W CONTRAST' }],
    ['contrast', { seriesDescription: 'HEAD WITH AND WITHOUT' }],
    ['contrast', { seriesDescription: 'Head 5mm', protocolName: 'HEAD WITH CONTRAST' }],
    ['angiography-or-perfusion', { seriesDescription: 'Head 5mm', protocolName: 'CTA HEAD NECK' }],
    ['not-axial', { seriesDescription: null, protocolName: 'HEAD MPR' }],
    ['unsupported-pixel-format', { rescaleTypes: ['Z_EFF'] }],
    ['unsupported-pixel-format', { rescaleTypes: ['HU', 'MGML'] }],
    ['derived', { imageType: ['DERIVED', 'PRIMARY', 'AXIAL'] }],
    ['derived', { imageType: ['ORIGINAL', 'SECONDARY'] }],
    ['not-axial', frame({ orientation: [1, 0, 0, 0, 0, -1] })],
    ['not-axial', { seriesDescription: 'Head Cor' }],
    ['missing-geometry', frame({ positionMm: null })],
    ['missing-geometry', { numberOfFrames: 3 }],
    ['missing-geometry', frame({ pixelSpacingMm: [0, 0.5] })],
    ['missing-geometry', frame({ orientation: [1, 0, 0, 1, 0, 0] })],
    ['missing-geometry', frame({ pixelSpacingMm: [0.01, 0.01] })],
    ['missing-geometry', frame({ pixelSpacingMm: [20, 20] })],
    ['missing-geometry', frame({ pixelSpacingMm: [0.3, 0.9] })],
    ['missing-geometry', frame({ pixelSpacingMm: [-0.5, -0.5] })],
    ['missing-geometry', frame({ orientation: [0.5, 0, 0, 0, 0.5, 0] })],
    ['missing-geometry', frame({ orientation: [0, 0, 0, 0, 0, 0] })],
    ['derived', { frames: [FRAME, { ...FRAME, frameType: ['DERIVED', 'PRIMARY'] }], numberOfFrames: 2 }],
    ['unsupported-pixel-format', { rescales: ['1 and -1024', '1 and -1064'] }],
    ['bone-kernel', { convolutionKernels: ['H60s'] }],
    ['missing-pixel-data', { hasPixelData: false }],
    ['unsupported-transfer-syntax', { transferSyntaxUid: '1.2.840.10008.1.2.4.50' }],
    ['unsupported-photometric', { photometricInterpretation: 'RGB', samplesPerPixel: 3 }],
    ['truncated-pixel-data', { rows: 0 }],
  ])('%s: %j', (code, change) => {
    const { selected, reason } = selectSeries(seriesOf('1.1', change));
    expect([selected, reason?.code]).toEqual([null, code]);
  });
  test('of 11 slices is too-few-slices, of 12 it is not', () => {
    expect(selectSeries(seriesOf('1.1', {}, 11)).reason?.code).toBe('too-few-slices');
    expect(chosen(seriesOf('1.1', {}, 12))).toBe('1.1');
  });
  test.each<[string, Partial<InstanceHeader>]>([
    ['rescale', { rescales: ['1 and -1064'] }],
    ['photometric interpretation', { photometricInterpretation: 'MONOCHROME1' }],
  ])('of which one slice has another %s is unsupported-pixel-format', (_name, change) => {
    const [one, ...rest] = seriesOf('1.1');
    const { selected, reason } = selectSeries([{ ...one!, ...change }, ...rest]);
    expect([selected, reason?.code]).toEqual([null, 'unsupported-pixel-format']);
  });
  test('a scout within it is left out', () => {
    const scout = seriesOf(
      '1.1',
      { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'], ...frame({ positionMm: null }) },
      1,
    );
    const { selected } = selectSeries([...scout, ...seriesOf('1.1')]);
    expect(selected).toHaveLength(30);
  });
  test.each<Partial<InstanceHeader>>([
    { seriesDescription: 'HEAD W/O CONTRAST' },
    { seriesDescription: 'Brain without contrast' },
    { seriesDescription: 'Brain non-enhanced' },
    { seriesDescription: 'Head without IV contrast' },
    { seriesDescription: 'HEAD NON-CON 5mm', protocolName: 'CODE STROKE CTA HEAD NECK PERFUSION' },
    { seriesDescription: 'HEAD W/O 5mm', protocolName: 'HEAD W AND W/O CONTRAST' },
    { seriesDescription: 'Head 5mm', protocolName: 'HEAD W/O + COR/SAG MPR' },
    { rescaleTypes: [] },
    { rescaleTypes: ['US'] },
    { contrastAgent: 'NONE' },
    { bodyPartExamined: null, studyDescription: 'CT SCHÄDEL nativ' },
    frame({ orientation: [1, 0, 0, 0, Math.cos(0.4), -Math.sin(0.4)] }),
  ])('is chosen also with %j', (change) => {
    expect(chosen(seriesOf('1.1', change))).toBe('1.1');
  });
});

describe('among several series', () => {
  test('the soft kernel wins over an unknown one, then 2.5 to 5 mm, then more slices, then the UID', () => {
    const thin = { ...frame({ sliceThicknessMm: 0.625 }) };
    expect(chosen(seriesOf('1.1', { convolutionKernels: ['Q99'] }), seriesOf('1.2', thin))).toBe('1.2');
    expect(chosen(seriesOf('1.1', thin), seriesOf('1.2'))).toBe('1.2');
    expect(chosen(seriesOf('1.1'), seriesOf('1.2', {}, 36))).toBe('1.2');
    expect(chosen(seriesOf('1.2'), seriesOf('1.1'))).toBe('1.1');
  });
  test('every other series has its reason, and the chosen one has none', () => {
    const series = [seriesOf('1.1', { convolutionKernels: ['BONEPLUS'] }), seriesOf('1.2'), seriesOf('1.3', {}, 20)];
    expect(
      selectSeries(series.flat()).selections.map(({ seriesInstanceUid, instances, reason }) => [
        seriesInstanceUid,
        instances,
        reason?.code ?? null,
      ]),
    ).toEqual([
      ['1.1', 30, 'bone-kernel'],
      ['1.2', 30, null],
      ['1.3', 20, 'less-suited'],
    ]);
  });
  test('when none will do, the reason is that of the one that came closest', () => {
    const { reason } = selectSeries([...seriesOf('1.1', { modality: 'MR' }), ...seriesOf('1.2', {}, 5)]);
    expect(reason?.code).toBe('too-few-slices');
  });
  test('no series at all is no-head-ct', () => {
    expect(selectSeries([]).reason?.code).toBe('no-head-ct');
  });
});

test.each([
  ['STANDARD', 'soft'],
  ['SOFT', 'soft'],
  ['J40s', 'soft'],
  ['Hr38', 'soft'],
  ['FC21', 'soft'],
  ['FC68', 'soft'],
  ['UB', 'soft'],
  ['BONE', 'bone'],
  ['H60s', 'bone'],
  ['B70f', 'bone'],
  ['Hr68', 'bone'],
  ['Bl64', 'bone'],
  ['Qr69', 'bone'],
  ['Hc40', 'soft'],
  ['FC30', 'bone'],
  ['FC81', 'bone'],
  ['YD', 'bone'],
  ['Q99', 'unknown'],
])('the kernel %s is %s', (kernel, kind) => {
  expect(kernelKind([kernel], '')).toBe(kind);
});
