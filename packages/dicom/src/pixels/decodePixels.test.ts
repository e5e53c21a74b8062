import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { ReasonCode } from '@ichor/shared/reasons';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Fragment, PixelData } from '../pixelData.ts';
import { decodePixels, type FrameShape } from './decodePixels.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const RLE = '1.2.840.10008.1.2.5';
const ENCAPSULATED = ['5', '4.57', '4.70', '4.80', '4.81', '4.90', '4.91', '4.201', '4.202', '4.203'];
const SHAPE: FrameShape = { rows: 2, columns: 3, bitsAllocated: 16, frameNumber: 1, frames: 1 };

const native = (bytes: Uint8Array, declaredLength = bytes.length): PixelData => ({
  kind: 'native',
  bytes,
  declaredLength,
});
function encapsulated(parts: readonly Uint8Array[], basicOffsetTable: readonly number[] = []): PixelData {
  let offset = 0;
  const fragments = parts.map((bytes): Fragment => {
    const fragment = { offset, bytes };
    offset += 8 + bytes.length;
    return fragment;
  });
  return { kind: 'encapsulated', fragments, basicOffsetTable };
}
/** RLE of 16-bit words, each segment one literal run (PS3.5 Annex G). */
function rle(words: readonly number[]): Uint8Array {
  const run = (bytes: readonly number[]) => [bytes.length - 1, ...bytes];
  const [high, low] = [run(words.map((word) => word >> 8)), run(words.map((word) => word & 0xff))];
  const header = new Uint32Array(16);
  header.set([2, 64, 64 + high.length]);
  return new Uint8Array([...new Uint8Array(header.buffer), ...high, ...low]);
}
const wordsOf = (bytes: Uint8Array): number[] => [...new Uint16Array(Uint8Array.from(bytes).buffer)];
const bytesOf = (...words: number[]): Uint8Array => new Uint8Array(Uint16Array.from(words).buffer);

async function reasonOf(decoding: Promise<unknown>): Promise<ReasonCode | null> {
  try {
    await decoding;
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(NotAnalysable);
    return (error as NotAnalysable).reason.code;
  }
}

describe('native', () => {
  const six = bytesOf(1, 2, 3, 4, 5, 0x1234);
  test('little endian as it is, big endian turned', async () => {
    expect(wordsOf(await decodePixels(native(six), EXPLICIT, SHAPE))).toEqual([1, 2, 3, 4, 5, 0x1234]);
    expect(wordsOf(await decodePixels(native(six), BIG_ENDIAN, SHAPE))[5]).toBe(0x3412);
  });
  test('a frame is cut out of several', async () => {
    const pixels = native(bytesOf(...Array.from({ length: 18 }, (_, index) => index)));
    expect(wordsOf(await decodePixels(pixels, EXPLICIT, { ...SHAPE, frames: 3, frameNumber: 2 }))).toEqual([
      6, 7, 8, 9, 10, 11,
    ]);
  });
  test.each<[string, PixelData | null, ReasonCode | null]>([
    ['absent', null, 'missing-pixel-data'],
    ['two bytes too few', native(six.subarray(2)), 'truncated-pixel-data'],
    ['two bytes too many', native(bytesOf(1, 2, 3, 4, 5, 6, 7)), 'truncated-pixel-data'],
    ['cut behind an honest length', native(six.subarray(0, 6), 12), 'truncated-pixel-data'],
    ['whole', native(six), null],
  ])('%s', async (_name, pixels, code) => {
    expect(await reasonOf(decodePixels(pixels, EXPLICIT, SHAPE))).toBe(code);
  });
  test('the byte that makes an odd length even may have any value', async () => {
    const odd: FrameShape = { ...SHAPE, rows: 1, bitsAllocated: 8 };
    expect([...(await decodePixels(native(new Uint8Array([1, 2, 3, 77])), EXPLICIT, odd))]).toEqual([1, 2, 3]);
  });
  test.each<[string, number[], boolean]>([
    ['two zeros', [0, 0], true],
    ['more zeros than a frame has bytes', new Array(100).fill(0), true],
    ['four spaces, less than a row', [0x20, 0x20, 0x20, 0x20], true],
    ['four 0xFF', [0xff, 0xff, 0xff, 0xff], true],
    ['a whole row of 0xFF, which would be pixels', new Array(6).fill(0xff), false],
    ['a row of pixels', [24, 0, 25, 0, 24, 0], false],
    ['zeros that end in a pixel', [0, 0, 0, 0, 24, 0], false],
    ['two bytes of another value', [7, 7], false],
  ])('%s behind the pixels: padding is dropped, pixels are not', async (_name, rest, dropped) => {
    const decoded = decodePixels(native(new Uint8Array([...six, ...rest])), EXPLICIT, SHAPE);
    if (dropped) expect(wordsOf(await decoded)).toEqual([1, 2, 3, 4, 5, 0x1234]);
    else expect(await reasonOf(decoded)).toBe('truncated-pixel-data');
  });
  test('padding that is announced and not there is truncated-pixel-data', async () => {
    expect(await reasonOf(decodePixels(native(six, 20), EXPLICIT, SHAPE))).toBe('truncated-pixel-data');
  });
});

describe('encapsulated', () => {
  const [one, two] = [
    [1, 2, 3, 4, 5, 6],
    [700, 800, 900, 1000, 1100, 0xffff],
  ];
  const frames = { ...SHAPE, frames: 2 };
  const both = (pixels: PixelData) =>
    Promise.all(
      [1, 2].map(async (frameNumber) => wordsOf(await decodePixels(pixels, RLE, { ...frames, frameNumber }))),
    );

  test('one fragment for each frame, with and without an offset table', async () => {
    expect(await both(encapsulated([rle(one!), rle(two!)]))).toEqual([one, two]);
    expect(await both(encapsulated([rle(one!), rle(two!)], [0, 8 + rle(one!).length]))).toEqual([one, two]);
  });
  test('several fragments for a frame, by the offset table', async () => {
    const parts = [rle(one!), rle(two!)].flatMap((bytes) => [bytes.subarray(0, 70), bytes.subarray(70)]);
    expect(await both(encapsulated(parts, [0, 16 + rle(one!).length]))).toEqual([one, two]);
    expect(wordsOf(await decodePixels(encapsulated(parts.slice(0, 2)), RLE, SHAPE))).toEqual(one);
  });
  test.each<[string, number[]]>([
    ['wrong by an item header', [8, 16 + rle(one!).length]],
    ['wrong by an item header from the second frame on', [0, rle(one!).length]],
    ['all zero', [0, 0]],
    ['for one frame of two', [0]],
    ['for more frames than there are', [0, 8 + rle(one!).length, 9_999]],
    ['beyond the data', [0, 0xffffffff]],
    ['backwards', [8 + rle(one!).length, 0]],
  ])('an offset table %s is not followed where the frames can be told without it', async (_name, table) => {
    expect(await both(encapsulated([rle(one!), rle(two!)], table))).toEqual([one, two]);
    const parts = [rle(one!), rle(two!)].flatMap((bytes) => [bytes.subarray(0, 70), bytes.subarray(70)]);
    expect(await both(encapsulated(parts, table))).toEqual([one, two]);
  });
  test('an offset table that is wrong does not matter to a single frame, nor do fragments without content', async () => {
    const parts = [rle(one!).subarray(0, 30), new Uint8Array(), rle(one!).subarray(30), new Uint8Array()];
    expect(wordsOf(await decodePixels(encapsulated(parts, [12_345]), RLE, SHAPE))).toEqual(one);
  });
  test.each([[[]], [[0, 3]]])(
    'several fragments for several frames that nothing tells apart (offset table %j) are undecodable-pixel-data',
    async (table) => {
      const parts = [rle(one!), rle(two!), new Uint8Array([9, 9])].map((bytes, index) =>
        index === 1 ? bytes.subarray(2) : bytes,
      );
      expect(await reasonOf(decodePixels(encapsulated(parts, table), RLE, frames))).toBe('undecodable-pixel-data');
    },
  );
  test('no fragment at all is missing-pixel-data', async () => {
    expect(await reasonOf(decodePixels(encapsulated([]), RLE, SHAPE))).toBe('missing-pixel-data');
  });
  test('an image of another size than Rows and Columns say is refused', async () => {
    expect(await reasonOf(decodePixels(encapsulated([rle(one!)]), RLE, { ...SHAPE, rows: 1 }))).not.toBeNull();
    expect(await reasonOf(decodePixels(encapsulated([rle(one!)]), RLE, { ...SHAPE, rows: 3 }))).not.toBeNull();
  });
  test('a transfer syntax that is not accepted is unsupported-transfer-syntax', async () => {
    const baseline = '1.2.840.10008.1.2.4.50';
    expect(await reasonOf(decodePixels(encapsulated([rle(one!)]), baseline, SHAPE))).toBe(
      'unsupported-transfer-syntax',
    );
  });
  test('fragments under a transfer syntax that has none are undecodable-pixel-data', async () => {
    expect(await reasonOf(decodePixels(encapsulated([rle(one!)]), EXPLICIT, SHAPE))).toBe('undecodable-pixel-data');
  });
  test.each(ENCAPSULATED)('random bytes in 1.2.840.10008.1.2.%s give a reason, never another error', async (end) => {
    const start = fc.constantFrom([], [0xff, 0xd8, 0xff], [0xff, 0x4f, 0xff, 0x51], [2, 0, 0, 0, 64, 0, 0, 0]);
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), async (begin, bytes) => {
        const pixels = encapsulated([new Uint8Array([...begin, ...bytes])]);
        expect(['missing-pixel-data', 'undecodable-pixel-data', 'truncated-pixel-data', null]).toContain(
          await reasonOf(decodePixels(pixels, `1.2.840.10008.1.2.${end}`, SHAPE)),
        );
      }),
      { numRuns: 60 },
    );
  });
});
