import { generatePhantom } from '@ichor/phantom/generatePhantom';
import { expect, test } from '@jest/globals';
import { implausibility, takeCensus } from './plausibility.ts';

const SIDE = 96;
const { slices } = generatePhantom({
  seed: 12,
  matrix: SIDE,
  slices: 14,
  bleeds: ['subdural'],
  confounders: ['metal'],
});
const padding = (index: number): boolean => Math.hypot((index % SIDE) - 47.5, Math.floor(index / SIDE) - 47.5) > 48;

/** @param change what becomes of a Hounsfield unit at a place of the slice */
const judged = (change: (hu: number, index: number) => number): string | null =>
  implausibility(
    slices.map(({ hu }) =>
      takeCensus(
        hu.map((value, index) => Math.max(-32_768, Math.min(32_767, change(value, index)))),
        SIDE,
      ),
    ),
  );

test.each<[string, (hu: number, index: number) => number]>([
  ['as it is', (hu) => hu],
  ['padded with -2000', (hu, index) => (padding(index) ? -2_000 : hu)],
  ['padded with -3024', (hu, index) => (padding(index) ? -3_024 : hu)],
  ['limited to -1024 and 3071', (hu) => Math.max(-1_024, Math.min(3_071, hu))],
  ['whose bone is limited to 400', (hu) => Math.min(400, hu)],
  ['whose air lies at -870', (hu) => Math.max(-870, hu)],
  ['shifted by 8 HU', (hu) => hu + 8],
])('a head %s is plausible', (_name, change) => {
  expect(judged(change)).toBeNull();
});

test.each<[string, (hu: number, index: number) => number, RegExp]>([
  ['whose intercept was forgotten', (hu) => hu + 1_024, /air/],
  ['whose intercept is 30 too low', (hu) => hu - 30, /most soft tissue lies at -?\d+ HU/],
  ['whose intercept is 50 too high', (hu) => hu + 50, /soft tissue/],
  ['whose slope is a half', (hu) => (hu + 1_024) / 2 - 1_024, /soft tissue/],
  ['whose slope is two', (hu) => (hu + 1_024) * 2 - 1_024, /soft tissue/],
  ['inverted', (hu) => -1 - hu, /air/],
  ['without bone', (hu) => Math.min(100, hu), /bone/],
  ['without air', (hu) => Math.max(-100, hu), /air/],
  ['in a brain window', (hu) => Math.max(0, Math.min(80, hu)), /air/],
  ['whose padding is read as unsigned', (hu, index) => (padding(index) ? 62_512 : hu), /above 4000 HU/],
  ['whose bone wraps round', (hu) => (hu > 850 ? hu - 4_096 : hu), /wrap round/],
])('a head %s is not', (_name, change, why) => {
  expect(judged(change)).toMatch(why);
});
