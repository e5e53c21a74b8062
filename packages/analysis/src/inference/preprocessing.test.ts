import { expect, test } from '@jest/globals';
import { preprocess } from './preprocessing.ts';

const recipe = (rows: number, columns: number, windows: readonly [number, number][]) => ({
  neighbours: 0,
  windows: windows.map(([centerHu, widthHu]) => ({ name: 'w', centerHu, widthHu })),
  resize: { rows, columns, method: 'bilinear', halfPixelCentres: true, antialias: false } as const,
  normalisation: { mean: windows.map(() => 0.5), standardDeviation: windows.map(() => 0.25) },
});

test('windows are clipped and normalised, one channel after the other', () => {
  const hu = Int16Array.from([-10, 0, 40, 200]);
  const windows: [number, number][] = [
    [40, 80],
    [0, 400],
  ];
  expect([...preprocess(hu, [1, 2, 2], recipe(2, 2, windows))]).toEqual(
    [0, 0, 0.5, 1, 0.475, 0.5, 0.6, 1].map((value) => expect.closeTo((value - 0.5) / 0.25, 6)),
  );
});

test('a slice amid its neighbours has the windows of each, slice after slice', () => {
  const hu = Int16Array.from([0, 40, 80]);
  const channels = preprocess(hu, [1, 3, 1, 1], { ...recipe(1, 1, [[40, 80]]), neighbours: 1 });
  expect([...channels]).toEqual([-2, 0, 2]);
});

test('the resize is bilinear between centres of pixels, the border stands beyond it', () => {
  const hu = Int16Array.from([0, 80]);
  const doubled = preprocess(hu, [1, 1, 2], recipe(1, 4, [[40, 80]]));
  expect([...doubled]).toEqual([0, 0.25, 0.75, 1].map((value) => (value - 0.5) / 0.25));
  const halved = preprocess(Int16Array.from([0, 80, 40, 40]), [1, 1, 4], recipe(1, 2, [[40, 80]]));
  expect([...halved]).toEqual([0.5, 0.5].map((value) => (value - 0.5) / 0.25));
});
