import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { interleavedBy, type MarkedSlice } from './acquisitions.ts';

type Marks = { readonly number?: number; readonly at?: string; readonly instance?: number; readonly kernel?: string };
const slice = (atMm: number, { number, at, instance, kernel }: Marks = {}): MarkedSlice => ({
  atMm,
  acquisitionNumber: number ?? null,
  marks: {
    instanceNumber: instance ?? null,
    acquiredAt: at ?? null,
    shared: kernel === undefined ? {} : { 'Convolution Kernel': kernel },
  },
});
const head = (marks: (index: number) => Marks, fromMm = 0, count = 32, stepMm = 5): MarkedSlice[] =>
  Array.from({ length: count }, (_, index) => slice(fromMm + index * stepMm, marks(index)));
const clock = (index: number): string => `20260101${120_000 + index}`;

test.each<[string, MarkedSlice[]]>([
  ['with no marks at all', head(() => ({}))],
  ['with one acquisition', head((index) => ({ number: 1, at: clock(0), instance: index + 1, kernel: 'H31s' }))],
  [
    'of a sequential scanner, every slice its own acquisition',
    head((index) => ({ number: index + 1, at: clock(index) })),
  ],
  ['of a sequential scanner that runs down', head((index) => ({ number: 99 - index, at: clock(40 - index) }))],
  [
    'with four slices for each rotation',
    head((index) => ({ number: Math.floor(index / 4), at: clock(Math.floor(index / 4)) })),
  ],
  [
    'in two parts, the upper one first',
    head((index) => ({ number: index < 12 ? 2 : 1, at: clock(index < 12 ? 60 + index : index) })),
  ],
  ['in two parts of different kernels', head((index) => ({ kernel: index < 12 ? 'H40s' : 'H31s' }))],
  ['with times that are told a little out of order', head((index) => ({ at: clock(index ^ 1) }))],
  ['with one Instance Number for all', head(() => ({ instance: 1 }))],
])('a head %s is one acquisition', (_name, slices) => {
  expect(interleavedBy(slices)).toBeNull();
});

test('Instance Numbers in any order are seldom taken for two sweeps', () => {
  const numbers = Array.from({ length: 32 }, (_, index) => index);
  fc.assert(
    fc.property(fc.shuffledSubarray(numbers, { minLength: 32 }), (shuffled) => {
      expect(interleavedBy(head((index) => ({ instance: shuffled[index]! })))).toBeNull();
    }),
    { seed: 5, numRuns: 200 },
  );
});

test.each<[string, (second: number) => (index: number) => Marks, string]>([
  ['by number', (second) => () => ({ number: 1 + second }), 'Acquisition Number'],
  [
    'each slice with a number of its own',
    (second) => (index) => ({ number: index + 40 * second }),
    'Acquisition Number',
  ],
  ['by time', (second) => (index) => ({ number: 1, at: clock(index + 300 * second) }), 'Acquisition Time'],
  ['by kernel', (second) => () => ({ kernel: second ? 'H31s' : 'H40s' }), 'Convolution Kernel'],
  ['by running Instance Numbers alone', (second) => (index) => ({ instance: index + 32 * second }), 'Instance Number'],
  ['by Instance Numbers that stand twice', () => (index) => ({ instance: index }), 'Instance Number'],
])('a repeat half a slice higher is told %s', (_name, marks, name) => {
  expect(interleavedBy([...head(marks(0)), ...head(marks(1), 2.5)])).toBe(name);
});

test.each<[string, MarkedSlice[]]>([
  ['at the very same places', [...head(() => ({ number: 1 })), ...head(() => ({ number: 2 }))]],
  ['of the upper half only', [...head(() => ({ number: 1 })), ...head(() => ({ number: 2 }), 82.5, 14)]],
  ['that runs down', [...head((index) => ({ number: index })), ...head((index) => ({ number: 90 - index }), 2.5)]],
])('a repeat %s is another acquisition', (_name, slices) => {
  expect(interleavedBy(slices)).toBe('Acquisition Number');
});
