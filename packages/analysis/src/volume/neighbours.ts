/** Whether slices that are neighbours by their position are neighbours in the patient. Pure. */

/** Only soft tissue and the edges of the head count: bone is too bright beside it. */
const [FLOOR_HU, CEILING_HU] = [-100, 200];
/** In a head next but one is less alike than next: the ratio is 0.57 to 0.68 at 5 mm, and nears 1 only where slices are thin and noisy. */
const MOST_ALIKE = 1.05;

/** Takes the slices of a stack in their order, and keeps no more than two of them. */
export type Neighbours = {
  /** @param hu int16, the same matrix for every slice */
  add(hu: Int16Array): void;
  /** Mean difference of neighbours over that of next but one; null for fewer than three slices. */
  ratio(): number | null;
};

export function neighbours(): Neighbours {
  let [last, beforeLast]: (Int16Array | null)[] = [null, null];
  const [next, nextButOne] = [
    { sum: 0, count: 0 },
    { sum: 0, count: 0 },
  ];
  const meet = (total: { sum: number; count: number }, one: Int16Array, other: Int16Array | null | undefined): void => {
    if (!other) return;
    total.sum += meanDifference(one, other);
    total.count++;
  };
  return {
    add(hu) {
      meet(next, hu, last);
      meet(nextButOne, hu, beforeLast);
      [last, beforeLast] = [hu, last];
    },
    ratio: () =>
      nextButOne.count === 0 || nextButOne.sum === 0
        ? null
        : next.sum / next.count / (nextButOne.sum / nextButOne.count),
  };
}

/** Two acquisitions that lie between each other, or slices in a wrong order. */
export const areStrangers = (ratio: number | null): boolean => ratio !== null && ratio > MOST_ALIKE;

function meanDifference(one: Int16Array, other: Int16Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += Math.abs(limited(one[index]!) - limited(other[index]!));
  return sum / one.length;
}

const limited = (hu: number): number => Math.max(FLOOR_HU, Math.min(CEILING_HU, hu));
