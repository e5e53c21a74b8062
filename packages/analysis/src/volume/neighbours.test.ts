import { generatePhantom } from '@ichor/phantom/generatePhantom';
import { expect, test } from '@jest/globals';
import { areStrangers, neighbours } from './neighbours.ts';

const SIDE = 64;
const headOf = (seed: number): Int16Array[] =>
  generatePhantom({ seed, matrix: SIDE, slices: 24, bleeds: [], confounders: [] }).slices.map(({ hu }) => hu);
const ratioOf = (slices: readonly Int16Array[]): number | null => {
  const seen = neighbours();
  for (const hu of slices) seen.add(hu);
  return seen.ratio();
};
const head = headOf(3);
const alternating = (one: readonly Int16Array[], other: readonly Int16Array[]) =>
  one.flatMap((hu, index) => [hu, other[index]!]);
const noise = (seed: number): Int16Array =>
  new Int16Array(SIDE * SIDE).map((_, index) => ((Math.imul(index + 1, 2_654_435_761 + 2 * seed) >>> 16) % 120) - 20);

test.each<[string, Int16Array[]]>([
  ['of one head in their order', head],
  ['of one head from the vertex down', head.toReversed()],
  ['of one head, each of them twice', alternating(head, head)],
  ['of noise', Array.from({ length: 60 }, (_, index) => noise(index))],
  ['too few to tell', head.slice(0, 2)],
  ['that are all the same', head.map(() => head[0]!)],
])('slices %s are neighbours', (_name, slices) => {
  expect(areStrangers(ratioOf(slices))).toBe(false);
});

test.each<[string, Int16Array[]]>([
  ['two heads', alternating(head, headOf(4))],
  [
    'one head that moved by 5 mm',
    alternating(
      head,
      head.map((hu) => hu.map((_, at) => hu[at - 2 * SIDE - 1] ?? -1_000)),
    ),
  ],
  ['the lower and the upper half of one head', alternating(head.slice(0, 12), head.slice(12))],
])('slices of %s between each other are not', (_name, slices) => {
  expect(areStrangers(ratioOf(slices))).toBe(true);
});
