import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildStack } from './buildStack.ts';
import type { Orientation } from './geometry.ts';
import type { FrameGeometry, InstanceHeader } from './readHeaders.ts';

type Wanted = Partial<FrameGeometry> & {
  readonly rows?: number;
  readonly frameOfReferenceUid?: string;
  readonly sliceLocationMm?: number;
};

const AXIAL: Orientation = [1, 0, 0, 0, 1, 0];
const header = (name: string, wanted: Wanted = {}): InstanceHeader =>
  ({
    reference: name,
    studyInstanceUid: '1.1',
    seriesInstanceUid: '1.2',
    sopInstanceUid: `1.3.${name}`,
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    frameOfReferenceUid: wanted.frameOfReferenceUid ?? '1.4',
    rows: wanted.rows ?? 512,
    columns: 512,
    marks: { instanceNumber: null, acquiredAt: null, shared: {} },
    sliceLocationMm: wanted.sliceLocationMm ?? null,
    frames: [
      {
        positionMm: [0, 0, 0],
        orientation: AXIAL,
        pixelSpacingMm: [0.5, 0.5],
        sliceThicknessMm: 5,
        frameType: [],
        ...wanted,
      },
    ],
  }) as unknown as InstanceHeader;
const series = (heightsMm: readonly number[], each: (index: number) => Wanted = () => ({})): InstanceHeader[] =>
  heightsMm.map((atMm, index) => header(String(index), { positionMm: [-120, -120, atMm], ...each(index) }));
const evenly = (count: number, stepMm = 5): number[] => Array.from({ length: count }, (_, index) => index * stepMm);
const reasonOf = (instances: readonly InstanceHeader[]): string | null => {
  const built = buildStack(instances);
  return 'reason' in built ? built.reason.code : null;
};
const orderOf = (instances: readonly InstanceHeader[]): string[] => {
  const built = buildStack(instances);
  return 'stack' in built ? built.stack.slices.map(({ reference }) => reference) : [built.reason.code];
};

describe('order', () => {
  test('is from the skull base to the vertex, whatever the order of the files', () => {
    const sorted = series(evenly(30));
    const names = sorted.map(({ reference }) => reference);
    fc.assert(
      fc.property(fc.shuffledSubarray(sorted, { minLength: sorted.length }), (shuffled) => {
        expect(orderOf(shuffled)).toEqual(names);
      }),
      { numRuns: 30 },
    );
  });
  test.each<[string, Orientation]>([
    ['rows towards the right', [-1, 0, 0, 0, 1, 0]],
    ['feet first, turned', [-1, 0, 0, 0, -1, 0]],
    ['columns towards the front', [1, 0, 0, 0, -1, 0]],
    ['rows and columns exchanged', [0, 1, 0, 1, 0, 0]],
  ])('is the same for an image stored with %s', (_name, orientation) => {
    expect(orderOf(series(evenly(30).reverse(), () => ({ orientation })))).toEqual(
      Array.from({ length: 30 }, (_, index) => String(29 - index)),
    );
  });
  test('follows the slice normal of a tilted gantry, and the tilt is told', () => {
    const [cosine, sine] = [Math.cos(Math.PI / 9), Math.sin(Math.PI / 9)];
    const orientation: Orientation = [1, 0, 0, 0, cosine, -sine];
    const tilted = series(evenly(30, 5.2), () => ({ orientation }));
    const built = buildStack(tilted);
    expect('stack' in built && built.stack.tiltDegrees).toBeCloseTo(20, 6);
    expect(orderOf([...tilted].reverse())).toEqual(tilted.map(({ reference }) => reference));
  });
});

describe('the turn to the radiological orientation', () => {
  const turnOf = (orientation: Orientation) => {
    const built = buildStack(series(evenly(30), () => ({ orientation })));
    return 'stack' in built ? built.stack.toRadiological : null;
  };
  test.each<[Orientation, boolean, boolean, boolean]>([
    [[1, 0, 0, 0, 1, 0], false, false, false],
    [[-1, 0, 0, 0, 1, 0], false, false, true],
    [[1, 0, 0, 0, -1, 0], false, true, false],
    [[0, 1, 0, 1, 0, 0], true, false, false],
    [[0, -1, 0, 1, 0, 0], true, true, false],
    [[0, 1, 0, -1, 0, 0], true, false, true],
  ])('of %j', (orientation, transpose, flipRows, flipColumns) => {
    expect(turnOf(orientation)).toEqual({ transpose, flipRows, flipColumns });
  });
});

describe('a series that is no stack', () => {
  test.each([0, 1, 14, 28, 29])('one of 30 slices missing is seen unless it is the outermost (slice %i)', (missing) => {
    const left = series(evenly(30)).filter((_, index) => index !== missing);
    expect(reasonOf(left)).toBe(missing === 0 || missing === 29 ? null : 'missing-slices');
  });
  test('thickness that changes at the skull base is no gap, a slice missing there is', () => {
    const heights = [...evenly(12, 2.5), ...evenly(18).map((atMm) => 11 * 2.5 + 4 + atMm)];
    const thickness = (index: number): Wanted => ({ sliceThicknessMm: index < 12 ? 2.5 : 5 });
    expect(reasonOf(series(heights, thickness))).toBeNull();
    expect(reasonOf(series(heights, thickness).filter((_, index) => index !== 12))).toBe('missing-slices');
  });
  test('every second slice missing is seen by the thickness, overlapping slices are none', () => {
    expect(reasonOf(series(evenly(30, 10)))).toBe('missing-slices');
    expect(reasonOf(series(evenly(50, 2.5)))).toBeNull();
  });
  test('two slices at one place are duplicate-positions', () => {
    expect(reasonOf([...series(evenly(30)), header('again', { positionMm: [-120, -120, 45] })])).toBe(
      'duplicate-positions',
    );
  });
  test.each<[string, (index: number) => Wanted, string | null]>([
    ['runs the other way', (index) => ({ sliceLocationMm: 100 - 5 * index }), null],
    ['is the same everywhere', () => ({ sliceLocationMm: 0 }), null],
    ['is told of some slices only', (index) => (index % 3 === 0 ? { sliceLocationMm: 5 * index } : {}), null],
    ['exchanges two slices', (index) => ({ sliceLocationMm: 5 * ([15, 14][index - 14] ?? index) }), 'missing-geometry'],
    [
      'has every second slice elsewhere',
      (index) => ({ sliceLocationMm: index % 2 ? -index : index }),
      'missing-geometry',
    ],
  ])('Slice Location that %s', (_name, location, code) => {
    expect(reasonOf(series(evenly(30), location))).toBe(code);
  });
  test('too little of a head is incomplete-coverage, however thick its slices are said to be', () => {
    expect(reasonOf(series(evenly(15), () => ({ sliceThicknessMm: 50 })))).toBe('incomplete-coverage');
    expect(reasonOf(series(evenly(15)))).toBe('incomplete-coverage');
    expect(reasonOf(series(evenly(18)))).toBeNull();
  });
  test.each<[string, Wanted]>([
    ['mixed-frames-of-reference', { frameOfReferenceUid: '1.9' }],
    ['mixed-orientations', { orientation: [1, 0, 0, 0, 0.99, 0.14] }],
    ['mixed-matrices', { rows: 256 }],
    ['mixed-matrices', { pixelSpacingMm: [0.5, 0.6] }],
    ['missing-geometry', { positionMm: [80, -120, 70] }],
  ])('%s: one slice with %j', (code, change) => {
    expect(reasonOf(series(evenly(30), (index) => (index === 14 ? change : {})))).toBe(code);
  });
});

test('every frame of a multi-frame instance is a slice', () => {
  const frames = evenly(25).map((atMm) => ({ ...header('m').frames[0]!, positionMm: [0, 0, 120 - atMm] as const }));
  const built = buildStack([{ ...header('m'), frames }]);
  expect('stack' in built && built.stack.slices.map(({ frameNumber }) => frameNumber)).toEqual(
    Array.from({ length: 25 }, (_, index) => 25 - index),
  );
});
