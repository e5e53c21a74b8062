/** Logits → calibrated probabilities → scan-level findings and key slices (paper, section 3.4). Pure. */
import type { Finding, Findings } from '@ichor/shared/study';
import { classNames, findingOf, type Target } from '@ichor/shared/target';

/** sigmoid(logit / temperature of the class). @param logits [S, classes] @returns per slice a probability for each class */
export function probabilitiesOf(logits: Float32Array, temperature: readonly number[]): number[][] {
  const classes = temperature.length;
  return Array.from({ length: logits.length / classes }, (_, slice) =>
    temperature.map((t, c) => 1 / (1 + Math.exp(-logits[slice * classes + c]! / t))),
  );
}

/** The findings of a scan: per class the maximum over the slices decides. */
export const decideFindings = (
  probabilities: readonly (readonly number[])[],
  thresholds: readonly number[],
  target: Target,
): Findings =>
  findingsOf(
    target.classes.map((_, index) => Math.max(...probabilities.map((slice) => slice[index]!))),
    thresholds,
    target,
  );

/**
 * The one rule by which production and evaluation decide: the class that decides is present from its threshold on; a kind of it is
 * present when it reaches its own threshold and that class is present at all.
 * @param scores, thresholds in the order of the target's classes
 */
export function findingsOf(scores: readonly number[], thresholds: readonly number[], target: Target): Findings {
  const names = classNames(target);
  const deciding = names.indexOf(target.decides);
  const reached = (index: number): boolean => scores[index]! >= thresholds[index]!;
  const finding = (index: number): Finding => ({
    score: scores[index]!,
    threshold: thresholds[index]!,
    present: reached(index) && reached(deciding),
  });
  return Object.fromEntries(names.map((name, index) => [name, finding(index)]));
}

export type KeySliceChoice = { readonly sliceIndex: number; readonly classIndex: number; readonly probability: number };

/**
 * The slices that show what is present: for every present class its best slice, then in turn its next best, no two within
 * `apart` slices of one another for the same class.
 * @param most slices in all; a slice that shows several classes counts once
 */
export function chooseKeySlices(
  probabilities: readonly (readonly number[])[],
  findings: Findings,
  target: Target,
  most: number,
  apart = 2,
): KeySliceChoice[] {
  const ranked = classNames(target).flatMap((name, classIndex) => {
    const { present, threshold } = findingOf(findings, name);
    return present ? [rankedSlices(probabilities, classIndex, threshold, apart)] : [];
  });
  const chosen: KeySliceChoice[] = [];
  const slices = new Set<number>();
  for (let round = 0; ranked.some((list) => round < list.length); round++) {
    for (const list of ranked) {
      const choice = list[round];
      if (choice === undefined || (slices.size >= most && !slices.has(choice.sliceIndex))) continue;
      chosen.push(choice);
      slices.add(choice.sliceIndex);
    }
  }
  return chosen;
}

/** A heat map that somebody wants to see, whatever was found; `highest` is the slice with the highest probability of the class. */
export type MapRequest = { readonly finding: string; readonly slice: number | 'highest' };

/** The slices and classes that were asked for, in that order. @param probabilities of every slice, in class order */
export const askedSlices = (
  probabilities: readonly (readonly number[])[],
  asked: readonly MapRequest[],
  target: Target,
): KeySliceChoice[] =>
  asked.map(({ finding, slice }) => {
    const classIndex = classNames(target).indexOf(finding);
    const own = probabilities.map((one) => one[classIndex]!);
    const sliceIndex = slice === 'highest' ? own.indexOf(Math.max(...own)) : slice;
    return { sliceIndex, classIndex, probability: own[sliceIndex]! };
  });

function rankedSlices(
  probabilities: readonly (readonly number[])[],
  classIndex: number,
  threshold: number,
  apart: number,
): KeySliceChoice[] {
  const sorted = probabilities
    .map((slice, sliceIndex) => ({ sliceIndex, classIndex, probability: slice[classIndex]! }))
    .filter(({ probability }) => probability >= threshold)
    .sort((one, other) => other.probability - one.probability || one.sliceIndex - other.sliceIndex);
  const kept: KeySliceChoice[] = [];
  for (const choice of sorted)
    if (kept.every(({ sliceIndex }) => Math.abs(sliceIndex - choice.sliceIndex) >= apart)) kept.push(choice);
  return kept;
}
