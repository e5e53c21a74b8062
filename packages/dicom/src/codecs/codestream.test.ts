import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { codestreamSize, upToEndMarker, withoutFillBeforeEnd } from './codestream.ts';

const padded = (bytes: readonly number[]): Uint8Array => new Uint8Array([...bytes, ...new Array(60).fill(0)]);
const SOI = [0xff, 0xd8];
const APP0 = [0xff, 0xe0, 0, 4, 1, 2];
const HUFFMAN_TABLE = [0xff, 0xc4, 0, 3, 9];
/** Marker, length, precision, 512 lines, 640 samples a line, components. */
const frameHeader = (marker: number, components = 1) => [0xff, marker, 0, 11, 16, 2, 0, 2, 128, components];

describe('the size of a codestream', () => {
  test.each([
    ['JPEG Lossless', 0xc3],
    ['JPEG-LS', 0xf7],
  ])('of %s is that of its frame header, behind other segments', (_name, marker) => {
    const frame = padded([...SOI, ...APP0, ...HUFFMAN_TABLE, 0xff, ...frameHeader(marker)]);
    expect(codestreamSize(frame)).toEqual({ rows: 512, columns: 640, components: 1 });
  });
  test('of JPEG 2000 is its reference grid less the offset', () => {
    const siz = Buffer.alloc(60);
    siz.writeUInt32BE(0xff4fff51);
    for (const [at, value] of [
      [8, 650],
      [12, 520],
      [16, 10],
      [20, 8],
    ] as const)
      siz.writeUInt32BE(value, at);
    siz.writeUInt16BE(3, 40);
    siz.writeUInt16BE(0x0101, 43);
    expect(codestreamSize(siz)).toEqual({ rows: 512, columns: 640, components: 3 });
    for (const at of [43, 44]) {
      const subsampled = Buffer.from(siz);
      subsampled[at] = 2;
      expect(codestreamSize(subsampled)).toBeNull();
    }
  });
  test('is null for anything else, and no bytes make it throw', () => {
    expect(codestreamSize(padded([]))).toBeNull();
    expect(codestreamSize(padded([...SOI, 1, 2, 3]))).toBeNull();
    const start = fc.constantFrom([], SOI, [...SOI, 0xff], [0xff, 0x4f, 0xff, 0x51]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 100 }), (begin, bytes) => {
        const size = codestreamSize(new Uint8Array([...begin, ...bytes]));
        expect(size === null || Number.isInteger(size.rows + size.columns + size.components)).toBe(true);
      }),
    );
  });
});

test.each<[string, number[], number | null]>([
  ['its end marker', [1, 2, 0xff, 0xd9], 4],
  ['its end marker and a zero', [1, 2, 0xff, 0xd9, 0], 4],
  ['its end marker and a space', [1, 2, 0xff, 0xd9, 0x20], 4],
  ['its end marker and several bytes of other values', [1, 2, 0xff, 0xd9, 0xff, 0xff, 7, 0, 0xff], 4],
  ['its end marker and ten thousand zeros', [1, 2, 0xff, 0xd9, ...new Array(10_000).fill(0)], 4],
  ['its end marker ten thousand other bytes before', [1, 2, 0xff, 0xd9, ...new Array(10_000).fill(1)], null],
  ['image data', [1, 2, 3], null],
  ['half a marker', [1, 2, 0xff], null],
  ['nothing but zeros', [0, 0, 0], null],
  ['nothing', [], null],
])('a codestream that ends with %s is whole up to its end marker, or cut', (_name, bytes, length) => {
  expect(upToEndMarker(new Uint8Array(bytes))?.length ?? null).toBe(length);
});

test('fill before the end marker is removed, all of it first, and no more than four readings are made', () => {
  const readings = (bytes: number[]) => withoutFillBeforeEnd(new Uint8Array(bytes)).map((frame) => [...frame]);
  expect(readings([7, 0xff, 0xd9])).toEqual([]);
  expect(readings([7, 0, 0, 0xff, 0xd9])).toEqual([
    [7, 0xff, 0xd9],
    [7, 0, 0xff, 0xd9],
  ]);
  expect(readings([7, 0xff, 0xff, 0xd9])).toEqual([[7, 0xff, 0xd9]]);
  expect(readings([0, ...new Array(100).fill(0), 0xff, 0xd9])).toHaveLength(4);
});
