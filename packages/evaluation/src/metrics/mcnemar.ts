/** Two judges on the same cases: those that only one of them judged rightly. Pure. */

/** `p`: exact, two-sided (binomial with one half), as if cases were independent; 1 where both agree everywhere. */
export type McNemar = {
  /** b: only the first was right. */
  readonly onlyFirst: number;
  /** c: only the other was right. */
  readonly onlyOther: number;
  readonly p: number;
};

/** McNemar's test (Psychometrika 1947, 12, 153). @param first whether it judged each case rightly, and `other` the same cases */
export function mcNemar(first: ArrayLike<boolean>, other: ArrayLike<boolean>): McNemar {
  let [onlyFirst, onlyOther] = [0, 0];
  for (let index = 0; index < first.length; index++) {
    if (first[index] && !other[index]) onlyFirst += 1;
    if (!first[index] && other[index]) onlyOther += 1;
  }
  return { onlyFirst, onlyOther, p: exactP(onlyFirst, onlyOther) };
}

/** Twice the chance of at most the smaller count among all that differ; added up from its largest term, so that it never underflows. */
function exactP(b: number, c: number): number {
  const [least, differing] = [Math.min(b, c), b + c];
  let logTerm = -differing * Math.LN2;
  let [sum, logLargest] = [0, Number.NEGATIVE_INFINITY];
  for (let count = 0; count <= least; count++) {
    if (count > 0) logTerm += Math.log((differing - count + 1) / count);
    sum = logTerm > logLargest ? sum * Math.exp(logLargest - logTerm) + 1 : sum + Math.exp(logTerm - logLargest);
    logLargest = Math.max(logLargest, logTerm);
  }
  return Math.min(1, 2 * sum * Math.exp(logLargest));
}
