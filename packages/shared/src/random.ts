/** Seeded randomness: the same seed gives the same phantom on every machine. */

export type Random = {
  /** Uniform in [0, 1). */
  uniform(): number;
  between(low: number, high: number): number;
  normal(mean?: number, standardDeviation?: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
  /** An independent stream, so that one part of the phantom does not shift another. */
  fork(): Random;
};

/** sfc32 (Doty-Humphrey, PractRand), seeded by splitmix32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const split = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  let [a, b, c, counter] = [split(), split(), split(), 1];
  const uniform = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) uniform();
  return {
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    normal: (mean = 0, standardDeviation = 1) =>
      mean + standardDeviation * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    chance: (probability) => uniform() < probability,
    pick: (values) => values[Math.floor(uniform() * values.length)]!,
    fork: () => seededRandom(Math.floor(uniform() * 4294967296)),
  };
}
