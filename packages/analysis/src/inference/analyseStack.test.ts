import { FINDING_CLASSES } from '@ichor/shared/study';
import { expect, test } from '@jest/globals';
import { featureKey } from '../featureKey.ts';
import type { SliceFeatures, SliceStack } from '../types.ts';
import { type AnalysisTools, analyseStack } from './analyseStack.ts';
import type { Manifest } from './bundle.ts';
import { lastLayerMaps } from './gradCam.ts';

const [ROWS, COLUMNS, SLICES, FEATURES] = [2, 3, 10, 4];

/** Slice n is full of n, but for one pixel; turned or not as the test says. */
const stackOf = (toRadiological: SliceStack['toRadiological']): SliceStack => ({
  studyInstanceUid: '1.2',
  seriesInstanceUid: '1.3',
  frameOfReferenceUid: null,
  tiltDegrees: 0,
  toRadiological,
  slices: Array.from({ length: SLICES }, (_, index) => ({
    reference: String(index),
    sopClassUid: '1',
    sopInstanceUid: `1.4.${index}`,
    frameNumber: 1,
    frames: 1,
    rows: ROWS,
    columns: COLUMNS,
    pixelSpacingMm: [1, 1],
    sliceThicknessMm: 5,
    positionMm: [0, 0, index],
    orientation: [1, 0, 0, 0, 1, 0],
  })),
});
const sliceFullOf = (value: number) => new Int16Array(ROWS * COLUMNS).fill(value).fill(500, -1);
const UPRIGHT = { transpose: false, flipRows: false, flipColumns: false };

/** A model whose logits and features are the slice's first value; it notes what it is asked. */
function fakeTools() {
  const asked = { batches: [] as number[], shapes: [] as string[], targets: 0 };
  const tools: AnalysisTools = {
    identity: { name: 'fake', version: '1', sha256: '0' },
    manifest: {
      calibration: { temperature: [1, 1, 1, 1, 1, 1] },
      gradCam: 'sequence',
      preprocessing: { neighbours: 0 },
    } as unknown as Manifest,
    thresholds: FINDING_CLASSES.map((name) => (name === 'any' ? 0.9 : 1)),
    load: async ({ reference }) => ({ hu: sliceFullOf(Number(reference)), rows: ROWS, columns: COLUMNS }),
    onProgress: () => {},
    graphs: {
      channels: async () => null,
      async cnn(hu, count, rows, columns) {
        asked.batches.push(count);
        asked.shapes.push(`${rows} × ${columns}`);
        const size = rows * columns;
        return Array.from({ length: count }, (_, slice) => {
          const first = hu[slice * size]!;
          return {
            features: new Float32Array(FEATURES).fill(first),
            logits: Float32Array.of(-20, -20, -20, -20, -20, first - 5),
            activations: Float32Array.from({ length: FEATURES * size }, (_value, index) => index % size),
            mapRows: rows,
            mapColumns: columns,
          };
        });
      },
      sequence: async (_features, logits) => logits,
      maps: async ({ features, activations }, weights) => lastLayerMaps(weights, features.length, activations),
      distance: async (features) => features.at(-1)!,
      async gradient(_features, _logits, slices, targets) {
        asked.targets += targets.length;
        return {
          weights: new Float32Array(targets.length * FEATURES).fill(1),
          influence: Float32Array.from({ length: slices * targets.length }, (_, index) =>
            Math.floor(index / targets.length),
          ),
        };
      },
    },
  };
  return { tools, asked };
}
const options = (cached: ReadonlyMap<string, SliceFeatures> = new Map()) => ({ cached, maxKeySlices: 8 });

test('slices go through the CNN in batches of four, in order', async () => {
  const { tools, asked } = fakeTools();
  const { slices, findings } = await analyseStack(stackOf(UPRIGHT), options(), tools);
  expect(asked.batches).toEqual([4, 4, 2]);
  expect(slices.map(({ features }) => features[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(findings.any).toMatchObject({ present: true, score: expect.closeTo(1 / (1 + Math.exp(-4)), 6) });
});

test('of slices whose pixels are known only key slices run through the CNN, and the result is the same', async () => {
  const first = fakeTools();
  const whole = await analyseStack(stackOf(UPRIGHT), options(), first.tools);
  const cached = new Map(whole.slices.map((slice, index) => [featureKey(`1.4.${index}`, 1), slice]));
  const second = fakeTools();
  expect(await analyseStack(stackOf(UPRIGHT), options(cached), second.tools)).toEqual(whole);
  expect(second.asked.batches).toEqual([1]);
  cached.set(featureKey('1.4.6', 1), { ...whole.slices[6]!, pixelDigest: 'of other pixels' });
  const third = fakeTools();
  expect(await analyseStack(stackOf(UPRIGHT), options(cached), third.tools)).toEqual(whole);
  expect(third.asked.batches).toEqual([1, 1]);
});

test('the model sees turned slices in their turned shape, and maps come back as stored', async () => {
  const { tools, asked } = fakeTools();
  const { keySliceImages } = await analyseStack(stackOf({ ...UPRIGHT, transpose: true }), options(), tools);
  expect(new Set(asked.shapes)).toEqual(new Set([`${COLUMNS} × ${ROWS}`]));
  const map = keySliceImages[0]!.maps[0]!;
  expect([map.mapRows, map.mapColumns, ...map.map]).toEqual([ROWS, COLUMNS, 0, 8, 16, 4, 12, 20]);
});

test('a study farther from what the model knows than the bundle accepts is refused with both numbers', async () => {
  const { tools } = fakeTools();
  const limited = (threshold: number): AnalysisTools => ({
    ...tools,
    manifest: { ...tools.manifest, outOfDomain: { threshold, source: 'this test' } },
  });
  expect((await analyseStack(stackOf(UPRIGHT), options(), limited(9))).findings.any!.present).toBe(true);
  await expect(analyseStack(stackOf(UPRIGHT), options(), limited(8.9))).rejects.toMatchObject({
    reason: { code: 'out-of-domain', detail: expect.stringMatching(/distance 9\.00 .*at most 8\.90/) },
  });
  const undefinedDistance = {
    ...limited(9),
    graphs: { ...tools.graphs, distance: async () => Number.NaN },
  };
  await expect(analyseStack(stackOf(UPRIGHT), options(), undefinedDistance)).rejects.toMatchObject({
    reason: { code: 'out-of-domain' },
  });
});

test.each([
  ['one value everywhere', new Int16Array(ROWS * COLUMNS).fill(40)],
  ['air everywhere', Int16Array.from({ length: ROWS * COLUMNS }, (_, index) => -1000 - index)],
])('a slice of %s between others is named, and the study not analysed', async (_, lost) => {
  const { tools } = fakeTools();
  const blankAt = (...places: readonly string[]): AnalysisTools => ({
    ...tools,
    load: async (slice, where) =>
      places.includes(slice.reference) ? { hu: lost, rows: ROWS, columns: COLUMNS } : tools.load(slice, where),
  });
  await expect(analyseStack(stackOf(UPRIGHT), options(), blankAt('8', '4', '9'))).rejects.toMatchObject({
    reason: { code: 'blank-slice', detail: 'slice 5 of 10, 1.4.4' },
  });
  const atTheEnds = await analyseStack(stackOf(UPRIGHT), options(), blankAt('0', '1', '9'));
  expect(atTheEnds.slices).toHaveLength(SLICES);
});

test('heat maps and influence are there for what is present, and nothing is explained where nothing is', async () => {
  const { tools, asked } = fakeTools();
  const found = await analyseStack(stackOf(UPRIGHT), options(), tools);
  expect(found.keySlices.map(({ sopInstanceUid, finding }) => [sopInstanceUid, finding])).toEqual([['1.4.9', 'any']]);
  expect(found.sliceScores.map(({ influence }) => influence)).toEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((norm) => ({ any: Number((norm / 45).toFixed(4)) })),
  );
  expect(asked.targets).toBe(1);
  const clear = await analyseStack(stackOf(UPRIGHT), options(), { ...tools, thresholds: [1, 1, 1, 1, 1, 1] });
  expect([clear.keySlices, clear.keySliceImages]).toEqual([[], []]);
  expect(clear.sliceScores[0]).not.toHaveProperty('influence');
  expect(asked.targets).toBe(1);
});
