/** Chance as a function of seed and index, so that any input can be made again. */
import { seededRandom } from '@ichor/shared/random';

export type Dice = Pick<ReturnType<typeof seededRandom>, 'chance' | 'pick'> & {
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  bytes(count: number): Buffer;
  /** Small numbers often, large ones seldom: 1 to `high`. */
  few(high: number): number;
};

/** The dice of input `index` of a run with `seed`. */
export function diceOf(seed: number, index: number): Dice {
  const random = seededRandom((Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0);
  const whole = (low: number, high: number): number => low + Math.floor(random.uniform() * (high - low + 1));
  return {
    chance: random.chance,
    pick: random.pick,
    whole,
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => whole(0, 255))),
    few: (high) => Math.max(1, Math.floor(high ** random.uniform())),
  };
}
