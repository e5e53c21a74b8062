import { classNames, HEMORRHAGE } from '@ichor/shared/target';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chooseKeySlices, decideFindings, probabilitiesOf } from './findings.ts';

const NAMES = classNames(HEMORRHAGE);
const CLASSES = NAMES.length;
const decide = (probabilities: readonly (readonly number[])[], thresholds: readonly number[]) =>
  decideFindings(probabilities, thresholds, HEMORRHAGE);
const HALVES = new Array<number>(CLASSES).fill(0.5);
const probability = fc.double({ min: 0, max: 1, noNaN: true });
const row = fc.array(probability, { minLength: CLASSES, maxLength: CLASSES });
const scan = fc.array(row, { minLength: 1, maxLength: 40 });

/** A scan where only `any` varies. */
const anyOf = (values: readonly number[]): number[][] => values.map((value) => [0, 0, 0, 0, 0, value]);

describe('probabilities', () => {
  test('are the sigmoid of the logit divided by the temperature of its class', () => {
    const found = probabilitiesOf(Float32Array.from([0, 2, -2, 4, 0, 1, 0, 0, 0, 0, 0, -1]), [1, 1, 1, 2, 1, 4]);
    expect(found).toHaveLength(2);
    expect(found[0]!.map((value) => value.toFixed(6))).toEqual([
      '0.500000',
      '0.880797',
      '0.119203',
      '0.880797',
      '0.500000',
      '0.562177',
    ]);
    expect(found[1]![5]!).toBeCloseTo(1 - found[0]![5]!, 12);
  });
  test('lie between 0 and 1 and grow with the logit, however extreme', () => {
    const logit = fc.float({ min: -1e4, max: 1e4, noNaN: true });
    fc.assert(
      fc.property(logit, logit, fc.double({ min: 0.05, max: 20, noNaN: true }), (one, other, temperature) => {
        const of = (value: number) =>
          probabilitiesOf(new Float32Array(CLASSES).fill(value), new Array<number>(CLASSES).fill(temperature))[0]![0]!;
        expect(of(one)).toBeGreaterThanOrEqual(0);
        expect(of(one)).toBeLessThanOrEqual(1);
        if (one <= other) expect(of(one)).toBeLessThanOrEqual(of(other));
      }),
    );
  });
});

describe('findings', () => {
  test('are the maximum over the slices, present from the threshold on where there is any hemorrhage', () => {
    fc.assert(
      fc.property(scan, row, (probabilities, thresholds) => {
        const findings = decide(probabilities, thresholds);
        for (const [index, name] of NAMES.entries()) {
          const score = Math.max(...probabilities.map((slice) => slice[index]!));
          const present = score >= thresholds[index]! && findings.any!.score >= findings.any!.threshold;
          expect(findings[name]).toEqual({ score, threshold: thresholds[index], present });
        }
      }),
    );
  });
  test('name no kind of hemorrhage where there is none', () => {
    const findings = decide([[0, 0, 0, 0.9, 0, 0.49]], HALVES);
    expect([findings.subarachnoid!.present, findings.any!.present]).toEqual([false, false]);
    const both = decide([[0, 0, 0, 0.9, 0, 0.5]], HALVES);
    expect([both.subarachnoid!.present, both.any!.present, both.subdural!.present]).toEqual([true, true, false]);
  });
  test('reached exactly is present, just below is not', () => {
    expect(decide(anyOf([0.5]), HALVES).any!.present).toBe(true);
    expect(decide(anyOf([0.5 - Number.EPSILON]), HALVES).any!.present).toBe(false);
  });
});

describe('key slices', () => {
  const choose = (probabilities: readonly (readonly number[])[], most = 8) =>
    chooseKeySlices(probabilities, decide(probabilities, HALVES), HEMORRHAGE, most);

  test('are none where nothing is present', () => {
    expect(choose(anyOf([0.1, 0.49, 0.2]))).toEqual([]);
  });
  test('come from best to worst, each without its neighbours', () => {
    expect(choose(anyOf([0.6, 0.9, 0.95, 0.8, 0.7, 0.1])).map(({ sliceIndex }) => sliceIndex)).toEqual([2, 4, 0]);
  });
  test('of equal probability are the lower slice first', () => {
    expect(choose(anyOf([0, 0, 0.7, 0, 0, 0.7]))[0]!.sliceIndex).toBe(2);
  });
  test('take a class in turn, so that a weak one is shown beside a strong one', () => {
    const probabilities = Array.from({ length: 12 }, () => [0, 0.99, 0, 0, 0, 0.5]);
    probabilities[5]![4] = 0.51;
    const chosen = choose(probabilities, 2);
    expect(chosen.map(({ classIndex }) => classIndex)).toContain(4);
    expect(new Set(chosen.map(({ sliceIndex }) => sliceIndex)).size).toBe(2);
  });
  test('a slice that shows several classes counts once', () => {
    const probabilities = [[0.9, 0.9, 0, 0, 0, 0.9], ...anyOf([0, 0, 0])];
    expect(choose(probabilities, 1)).toEqual([
      { sliceIndex: 0, classIndex: 0, probability: 0.9 },
      { sliceIndex: 0, classIndex: 1, probability: 0.9 },
      { sliceIndex: 0, classIndex: 5, probability: 0.9 },
    ]);
  });
  test('always: present classes only, at or above the threshold, apart, no pair twice, within the limit', () => {
    fc.assert(
      fc.property(scan, row, fc.integer({ min: 1, max: 12 }), (probabilities, thresholds, most) => {
        const findings = decide(probabilities, thresholds);
        const chosen = chooseKeySlices(probabilities, findings, HEMORRHAGE, most);
        expect(new Set(chosen.map(({ sliceIndex }) => sliceIndex)).size).toBeLessThanOrEqual(most);
        for (const [index, { sliceIndex, classIndex, probability: value }] of chosen.entries()) {
          expect(findings[NAMES[classIndex]!]!.present).toBe(true);
          expect(value).toBe(probabilities[sliceIndex]![classIndex]);
          expect(value).toBeGreaterThanOrEqual(thresholds[classIndex]!);
          for (const other of chosen.slice(index + 1))
            if (other.classIndex === classIndex)
              expect(Math.abs(other.sliceIndex - sliceIndex)).toBeGreaterThanOrEqual(2);
        }
        if (most >= CLASSES)
          for (const [classIndex, name] of NAMES.entries())
            expect(chosen.some((choice) => choice.classIndex === classIndex)).toBe(findings[name]!.present);
      }),
    );
  });
});
