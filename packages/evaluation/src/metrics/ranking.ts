/** ROC and precision-recall: what follows from the order of the scores alone. Pure. */
import type { Scored, Statistic, Weights } from './scored.ts';

/** Cases from the highest score to the lowest; cases of one score form one step of every curve. */
export type Ranking = {
  readonly truth: Uint8Array;
  readonly patient: Int32Array;
  /** The score of each step, falling. */
  readonly threshold: Float64Array;
  /** Where each step ends (exclusive index into `truth`). */
  readonly end: Int32Array;
};

export function rank({ truth, score, patient }: Scored): Ranking {
  const order = Int32Array.from(truth.keys()).sort((one, other) => score[other]! - score[one]!);
  const isLast = (place: number): boolean => score[order[place]!] !== score[order[place + 1]!];
  const ends = Int32Array.from(order.keys()).filter(isLast);
  return {
    truth: Uint8Array.from(order, (index) => truth[index]!),
    patient: Int32Array.from(order, (index) => patient[index]!),
    threshold: Float64Array.from(ends, (place) => score[order[place]!]!),
    end: ends.map((place) => place + 1),
  };
}

/** Calls `onStep` with what lies at or above each threshold, from the highest down. */
function walk(
  { truth, patient, end }: Ranking,
  weights: Weights,
  onStep: (truePositive: number, falsePositive: number) => void,
): void {
  let [truePositive, falsePositive, index] = [0, 0, 0];
  for (const stop of end) {
    for (; index < stop; index++) {
      if (truth[index] === 1) truePositive += weights[patient[index]!]!;
      else falsePositive += weights[patient[index]!]!;
    }
    onStep(truePositive, falsePositive);
  }
}

/** Area under the ROC curve: the chance that a positive case scores above a negative one, ties counting half. */
export function aucStatistic(ranking: Ranking): Statistic {
  return (weights) => {
    let [area, positives, negatives] = [0, 0, 0];
    walk(ranking, weights, (truePositive, falsePositive) => {
      area += (falsePositive - negatives) * (positives + (truePositive - positives) / 2);
      [positives, negatives] = [truePositive, falsePositive];
    });
    return positives === 0 || negatives === 0 ? null : area / (positives * negatives);
  };
}

/** Average precision: precision at each step, weighted by the recall it adds (no interpolation). */
export function averagePrecisionStatistic(ranking: Ranking): Statistic {
  return (weights) => {
    let [sum, found] = [0, 0];
    walk(ranking, weights, (truePositive, falsePositive) => {
      if (truePositive > found) sum += ((truePositive - found) * truePositive) / (truePositive + falsePositive);
      found = truePositive;
    });
    return found === 0 ? null : sum / found;
  };
}

/** A point of a curve, both coordinates 0–1. */
export type Point = readonly [x: number, y: number];

/** False positive rate against true positive rate, from (0, 0) to (1, 1); empty when a side has no case. */
export function rocCurve(ranking: Ranking, weights: Weights): Point[] {
  const counts: Point[] = [[0, 0]];
  walk(ranking, weights, (truePositive, falsePositive) => counts.push([falsePositive, truePositive]));
  const [negatives, positives] = counts.at(-1)!;
  if (positives === 0 || negatives === 0) return [];
  return counts.map(([x, y]) => [x / negatives, y / positives]);
}

/** Recall against precision, recall rising; empty without a positive case. */
export function precisionRecallCurve(ranking: Ranking, weights: Weights): Point[] {
  const counts: Point[] = [];
  walk(ranking, weights, (truePositive, falsePositive) => {
    if (truePositive + falsePositive > 0) counts.push([truePositive, truePositive / (truePositive + falsePositive)]);
  });
  const positives = counts.at(-1)?.[0] ?? 0;
  if (positives === 0) return [];
  const curve = counts.map(([found, precision]): Point => [found / positives, precision]);
  return [[0, curve[0]![1]], ...curve];
}
