import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLEEDS } from './bleeds.ts';
import { generatePhantom, type Phantom } from './generatePhantom.ts';

const MATRIX = 96;
const SLICES = 16;
const make = (seed: number, more = {}): Phantom => generatePhantom({ seed, slices: SLICES, matrix: MATRIX, ...more });
const pixelsOf = ({ slices }: Phantom): string => {
  const hash = createHash('sha256');
  for (const { hu, mask, labels } of slices) hash.update(hu).update(mask).update(String(labels));
  return hash.digest('hex');
};
const seeds = fc.integer({ min: 0, max: 0xffffffff });

describe('a phantom', () => {
  test('is the same for the same seed and another for another seed', () => {
    const [first, again, other] = [make(5), make(5), make(6)];
    expect(pixelsOf(again)).toBe(pixelsOf(first));
    expect(pixelsOf(other)).not.toBe(pixelsOf(first));
  });

  test('has labels that agree with its masks', () => {
    fc.assert(
      fc.property(seeds, fc.subarray([...BLEEDS]), (seed, bleeds) => {
        const phantom = make(seed, { bleeds });
        for (const { labels, mask } of phantom.slices) {
          const areas = BLEEDS.map((_, index) => mask.filter((value) => value === index + 1).length);
          const seen = areas.map((pixels) => pixels * phantom.pixelSpacingMm ** 2 > 12);
          expect(labels).toEqual([...seen, seen.some(Boolean)]);
          for (const [index, kind] of BLEEDS.entries()) if (!bleeds.includes(kind)) expect(areas[index]).toBe(0);
        }
      }),
      { numRuns: 5 },
    );
  });

  test.each(BLEEDS)('with a %s hemorrhage shows it, brighter than brain', (kind) => {
    const bright = [1, 2, 3].map((seed) => {
      const { slices } = make(seed, { bleeds: [kind], confounders: [] });
      const inside = slices.flatMap(({ hu, mask }) => [...hu].filter((_, index) => mask[index] !== 0));
      return { labelled: slices.some(({ labels }) => labels[BLEEDS.indexOf(kind)]), mean: mean(inside) };
    });
    expect(bright.map(({ labelled }) => labelled)).toEqual([true, true, true]);
    for (const one of bright) expect(one.mean).toBeGreaterThan(42);
  });

  test('keeps to the scale of a CT: air around, bone over 800 HU, brain between 15 and 50 in the middle', () => {
    for (const seed of [1, 2, 3]) {
      const hu = make(seed, { bleeds: [], confounders: [] }).slices[10]!.hu;
      expect(Math.max(...hu)).toBeGreaterThan(800);
      expect(Math.max(...hu)).toBeLessThanOrEqual(3071);
      expect(mean([...hu.subarray(0, 8)])).toBeLessThan(-950);
      const brain = [...hu].filter((value) => value > 0 && value < 80);
      expect(mean(brain)).toBeGreaterThan(15);
      expect(mean(brain)).toBeLessThan(50);
    }
  });

  test('of the training mix often has no bleed, and then most often something that could be taken for one', () => {
    const mix = Array.from({ length: 100 }, (_, seed) => generatePhantom({ seed, slices: 2, matrix: 64 }));
    const normal = mix.filter(({ bleeds }) => bleeds.length === 0);
    expect(normal.length).toBeGreaterThan(28);
    expect(normal.length).toBeLessThan(62);
    for (const { slices } of normal) expect(slices.some(({ labels }) => labels.some(Boolean))).toBe(false);
    expect(normal.filter(({ confounders }) => confounders.length > 0).length).toBeGreaterThan(normal.length / 2);
    expect(new Set(mix.flatMap(({ bleeds }) => bleeds))).toEqual(new Set(BLEEDS));
  });

  test.each(['pineal', 'choroid-plexus', 'falx', 'scalp-hematoma', 'infarct', 'motion', 'metal'] as const)(
    'with %s differs from the one without, and is labelled normal',
    (confounder) => {
      const seen = [1, 2].map((seed) => {
        const [plain, with_] = [
          make(seed, { slices: 20, bleeds: [], confounders: [] }),
          make(seed, { slices: 20, bleeds: [], confounders: [confounder] }),
        ];
        expect(with_.slices.some(({ labels }) => labels.some(Boolean))).toBe(false);
        return with_.slices.some(({ hu }, index) => hu.some((value, at) => value !== plain.slices[index]!.hu[at]));
      });
      expect(seen).toContain(true);
    },
  );

  test('refuses a single slice or a matrix too small to show a head', () => {
    expect(() => generatePhantom({ seed: 1, slices: 1 })).toThrow(RangeError);
    expect(() => generatePhantom({ seed: 1, matrix: 32 })).toThrow(RangeError);
  });
});

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
