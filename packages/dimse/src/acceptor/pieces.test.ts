import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { makePieces } from './pieces.ts';

/** Bytes of which every one differs from its neighbours, cut into pieces of the given lengths. */
function cutTo(lengths: readonly number[]): Buffer[] {
  let next = 0;
  return lengths.map((length) => Buffer.from(Array.from({ length }, () => next++ & 0xff)));
}
const lengths = fc.array(fc.oneof(fc.nat(9), fc.nat(1_000), fc.integer({ min: 4_000, max: 9_000 })), { maxLength: 30 });

test('what was added is taken in its order, however it was cut', () => {
  fc.assert(
    fc.property(lengths, fc.array(fc.nat(6_000)), (added, takes) => {
      const [given, pieces] = [cutTo(added), makePieces()];
      const [got, waiting]: [Buffer[], number[]] = [[], [...takes]];
      for (const piece of given) {
        pieces.add(piece);
        got.push(...pieces.take(waiting.shift() ?? 0));
      }
      expect(pieces.length()).toBe(Buffer.concat(pieces.list).length);
      expect(Buffer.concat([...got, ...pieces.list]).equals(Buffer.concat(given))).toBe(true);
    }),
  );
});

test('a large piece is not copied, and counts with all of the buffer that it keeps, once', () => {
  const pieces = makePieces();
  const read = Buffer.allocUnsafeSlow(65_536);
  pieces.add(read.subarray(0, 20_000));
  pieces.add(read.subarray(30_000, 40_000));
  expect(pieces.list.map(({ buffer }) => buffer === read.buffer)).toEqual([true, true]);
  expect(pieces.heldBytes()).toBeGreaterThan(65_536);
  expect(pieces.heldBytes()).toBeLessThan(70_000);
});

test('single bytes are joined, also between large pieces, and cost little more than they are', () => {
  const pieces = makePieces();
  for (let number = 0; number < 100_000; number++) pieces.add(Buffer.of(number & 0xff));
  expect(pieces.list.length).toBeLessThan(20);
  expect(pieces.heldBytes()).toBeLessThan(140_000);
  expect(pieces.heldBytes()).toBeGreaterThan(100_000);
});

test('what is counted is what is kept, and little more', () => {
  fc.assert(
    fc.property(lengths, (added) => {
      const pieces = makePieces();
      pieces.heldBytes();
      for (const piece of cutTo(added)) pieces.add(piece);
      const buffers = new Set(pieces.list.map(({ buffer }) => buffer));
      const keptBytes = [...buffers].reduce((bytes, { byteLength }) => bytes + byteLength, 0);
      expect(pieces.heldBytes()).toBeGreaterThanOrEqual(keptBytes);
      expect(pieces.heldBytes()).toBeLessThanOrEqual(keptBytes + 256 * pieces.list.length);
    }),
  );
});
