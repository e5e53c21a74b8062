import { describe, expect, test } from '@jest/globals';
import { makeProgress } from './progress.ts';

const rule = { minBytesPerSecond: 1_000, idleTimeoutMs: 60_000 };

/** An instance of which this much comes in each second, and whether we read meanwhile. */
function after(seconds: number, bytesPerSecond: number, isReading: (second: number) => boolean = () => true) {
  const progress = makeProgress(rule, 0);
  for (let second = 1; second <= seconds; second++)
    progress.tick(second * 1000, second * bytesPerSecond, isReading(second));
  return progress;
}

describe('an instance', () => {
  test('is too slow when less than the minimum came within the idle timeout, and not before', () => {
    expect(after(59, 1).isTooSlow(0, false)).toBe(false);
    expect(after(60, 1).isTooSlow(0, false)).toBe(true);
    expect(after(600, 1_000).isTooSlow(0, false)).toBe(false);
  });

  test('that came fast and then drips is too slow after another idle timeout', () => {
    const progress = after(60, 1_000_000);
    for (let second = 61; second < 120; second++) progress.tick(second * 1000, 60_000_000 + second, true);
    expect(progress.isTooSlow(0, false)).toBe(false);
    progress.tick(120_000, 60_000_120, true);
    expect(progress.isTooSlow(0, false)).toBe(true);
  });

  test('that drips is too slow within five seconds while others wait for memory', () => {
    expect(after(4, 1).isTooSlow(0, true)).toBe(false);
    expect(after(5, 1).isTooSlow(0, true)).toBe(true);
    expect(after(5, 1).isTooSlow(0, false)).toBe(false);
  });

  test('that holds much must come the faster while others wait, and a small one need not', () => {
    expect(after(10, 2_000).isTooSlow(60_000, true)).toBe(false);
    expect(after(10, 2_000).isTooSlow(600_000_000, true)).toBe(true);
    expect(after(10, 2_000).isTooSlow(600_000_000, false)).toBe(false);
  });

  test('is not called slow for the time in which it was not read', () => {
    expect(after(600, 1, (second) => second < 4).isTooSlow(0, true)).toBe(false);
  });
});
