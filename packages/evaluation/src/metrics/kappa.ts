/** Agreement of two judges beyond chance. Pure. */

import { weightedSum } from './ratio.ts';
import type { Statistic } from './scored.ts';

/** The same cases judged twice; the arrays are parallel. */
export type Judged = {
  readonly one: Uint8Array;
  readonly other: Uint8Array;
  readonly patient: Int32Array;
  readonly patients: number;
};

/** Cohen's kappa (Educ Psychol Meas 1960, 20, 37): (observed − chance agreement) / (1 − chance); null when chance is all. */
export function kappaStatistic({ one, other, patient, patients }: Judged): Statistic {
  const [both, onlyOne, onlyOther, all] = [0, 1, 2, 3].map(() => new Float64Array(patients)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let index = 0; index < one.length; index++) {
    const who = patient[index]!;
    all[who]! += 1;
    if (one[index] === 1 && other[index] === 1) both[who]! += 1;
    else if (one[index] === 1) onlyOne[who]! += 1;
    else if (other[index] === 1) onlyOther[who]! += 1;
  }
  return (weights) => {
    const cases = weightedSum(all, weights);
    if (cases === 0) return null;
    const [a, b, c] = [both, onlyOne, onlyOther].map((counts) => weightedSum(counts, weights) / cases) as [
      number,
      number,
      number,
    ];
    const chance = (a + b) * (a + c) + (1 - a - b) * (1 - a - c);
    return chance === 1 ? null : (1 - b - c - chance) / (1 - chance);
  };
}
