import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type PixelModule, toHounsfield } from './hounsfield.ts';

const PLAIN: PixelModule = {
  bitsAllocated: 16,
  bitsStored: 16,
  highBit: 15,
  signed: false,
  overlayBits: 0,
  photometricInterpretation: 'MONOCHROME2',
  rescaleSlope: 1,
  rescaleIntercept: -1024,
  padding: null,
};
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
const hounsfield = (values: readonly number[], change: Partial<PixelModule> = {}): number[] => [
  ...toHounsfield(words(...values), { ...PLAIN, ...change }),
];

test('ties are rounded to even, on both sides of zero', () => {
  const halves = { rescaleSlope: 0.5, rescaleIntercept: -2 };
  expect(hounsfield([1, 2, 3, 4, 5, 6, 7], halves)).toEqual([-2, -1, 0, 0, 0, 1, 2]);
});
test('values beyond int16 are limited', () => {
  expect(hounsfield([0, 65_535], { rescaleSlope: 2, rescaleIntercept: -40_000 })).toEqual([-32_768, 32_767]);
});
test('padding becomes air, also within a range, and is compared before the rescale', () => {
  expect(hounsfield([9, 10, 12, 13], { padding: [10, 12] })).toEqual([-1015, -1024, -1024, -1011]);
});
test('padding masks nothing of -500 HU or more', () => {
  expect(hounsfield([523, 524, 1_064], { padding: [0, 1_100] })).toEqual([-1_024, -500, 40]);
  expect(hounsfield([1_064], { padding: [1_064, 1_064] })).toEqual([40]);
});
test('padding that does not fit into the stored bits is known by the whole word', () => {
  const twelve = { bitsStored: 12, highBit: 11, signed: true, rescaleIntercept: 0 };
  expect(hounsfield([-3_024 & 0xffff, 40], { ...twelve, padding: [-3_024, -3_024] })).toEqual([-1_024, 40]);
});
test('12-bit values that wrapped are repaired up to an intercept of -99, and not from -100 on', () => {
  const twelve = { bitsStored: 12, highBit: 11 };
  expect(hounsfield([0, 50, 3_095, 3_096, 4_095], { ...twelve, rescaleIntercept: 0 })).toEqual([
    0, 50, 3_095, -1_000, -1,
  ]);
  expect(hounsfield([50, 4_095], { ...twelve, rescaleIntercept: -100 })).toEqual([-50, 3_995]);
  expect(hounsfield([50, 4_095], { ...twelve, rescaleIntercept: 0, signed: true })).toEqual([50, -1]);
});

test('an image, which goes through a table, gets what its single pixels get', () => {
  const image = Array.from({ length: 65_536 }, (_, index) => index);
  const odd = { bitsStored: 12, highBit: 12, signed: true, rescaleSlope: 0.5, padding: [-3, 5] } as const;
  for (const change of [odd, { ...odd, rescaleSlope: 1 }, {}]) {
    const table = hounsfield(image, change);
    for (let from = 0; from < image.length; from += 9_973)
      expect(table.slice(from, from + 100)).toEqual(hounsfield(image.slice(from, from + 100), change));
  }
});

test('what lies outside the stored bits never matters', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 16 }),
      fc.nat(15),
      fc.boolean(),
      fc.nat(65_535),
      fc.nat(65_535),
      (bits, top, signed, one, other) => {
        fc.pre(top >= bits - 1);
        const mask = (2 ** bits - 1) * 2 ** (top + 1 - bits);
        const change = { bitsStored: bits, highBit: top, signed, rescaleIntercept: -1_024 };
        expect(hounsfield([one & mask], change)).toEqual(hounsfield([(one & mask) | (other & ~mask & 0xffff)], change));
      },
    ),
  );
});

test('stored values come back when slope and intercept are undone', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -2_048, max: 2_047 }), { maxLength: 50 }), (values) => {
      const stored = values.map((value) => value & 0xfff);
      const change = { bitsStored: 12, highBit: 11, signed: true, rescaleIntercept: 0 };
      expect(hounsfield(stored, change)).toEqual(values.map((value) => value + 0));
    }),
  );
});
