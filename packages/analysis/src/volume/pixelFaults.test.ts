import type { PixelModule } from '@ichor/dicom/pixels/hounsfield';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { pixelFault } from './pixelFaults.ts';

const TWELVE: PixelModule = {
  bitsAllocated: 16,
  bitsStored: 12,
  highBit: 11,
  signed: false,
  overlayBits: 0,
  photometricInterpretation: 'MONOCHROME2',
  rescaleSlope: 1,
  rescaleIntercept: -1024,
  padding: null,
};
const SIDE = 8;
/** An image of air with one value at its centre and one in its corner. */
function fault(centre: number, change: Partial<PixelModule> = {}, corner = 32): string | null {
  const words = new Uint16Array(SIDE * SIDE).fill(32);
  words[4 * SIDE + 4] = centre;
  words[0] = corner;
  return pixelFault(new Uint8Array(words.buffer), { ...TWELVE, ...change }, SIDE);
}

describe('bits outside the stored ones', () => {
  const signed = { signed: true, rescaleIntercept: 0 };
  test.each<[string, number, Partial<PixelModule>, boolean]>([
    ['none', 0xfff, {}, false],
    ['one above, unsigned', 0x1042, {}, true],
    ['the sign repeated', 0xfc18, signed, false],
    ['a negative value whose sign is not repeated', 0x0c18, signed, false],
    ['a positive value with something above', 0xf018, signed, true],
    ['half a repeated sign', 0x7c18, signed, true],
    ['a repeated sign where values are said to be unsigned', 0xfc18, {}, true],
    ['an overlay that is announced', 0x1042, { overlayBits: 0x1000 }, false],
    ['an overlay beside the announced one', 0x3042, { overlayBits: 0x1000 }, true],
    ['one below, high bit 15', 0x0421, { highBit: 15 }, true],
    ['none, high bit 15', 0xfff0, { highBit: 15 }, false],
  ])('%s', (_name, word, change, isFault) => {
    const found = fault(word, change);
    expect(found !== null).toBe(isFault);
    if (isFault) expect(found).toMatch(/^1 pixels use bits outside the 12 stored ones/);
  });
  test('no value that fits into the stored bits is a fault', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.nat(15), fc.nat(0xffff), (bitsStored, highBit, value) => {
        fc.pre(highBit >= bitsStored - 1);
        const word = ((value % 2 ** bitsStored) * 2 ** (highBit + 1 - bitsStored)) & 0xffff;
        const words = new Uint8Array(Uint16Array.of(word).buffer);
        expect(pixelFault(words, { ...TWELVE, bitsStored, highBit }, 1)).toBeNull();
      }),
    );
  });
});

describe('padding', () => {
  test.each<[string, number, readonly [number, number], boolean]>([
    ['a range that reaches tissue', 1_064, [0, 1_100], true],
    ['the value of tissue', 1_064, [1_064, 1_064], true],
    ['a range that ends below -500 HU', 1_064, [0, 523], false],
    ['-500 HU itself', 524, [524, 524], true],
    ['a value that no pixel has', 1_064, [1_065, 1_065], false],
    ['a range from tissue up', 1_064, [1_000, 4_095], true],
  ])('%s', (_name, centre, padding, isFault) => {
    const found = fault(centre, { padding });
    expect(found !== null).toBe(isFault);
    if (isFault) expect(found).toMatch(/^Pixel Padding \(.+\) covers 1 pixels of −500 HU or more where the head lies$/);
  });
  test('what it covers in the corners lies outside the head', () => {
    expect(fault(1_064, { padding: [4_095, 4_095] }, 4_095)).toBeNull();
    expect(fault(4_095, { padding: [4_095, 4_095] })).not.toBeNull();
  });
  test('a padding value beyond the stored bits is no fault of theirs', () => {
    const change = { signed: true, rescaleIntercept: 0, padding: [-3_024, -3_024] } as const;
    expect(fault(40, change, -3_024 & 0xffff)).toBeNull();
    expect(fault(40, { ...change, padding: null }, -3_024 & 0xffff)).not.toBeNull();
  });
});
