/** What every metric is computed from: cases of one class with truth, score and the patient they belong to. */

/** One entry per case (a slice or a study); the arrays are parallel. */
export type Scored = {
  /** 1 where the class is present. */
  readonly truth: Uint8Array;
  /** Probability of the class, 0–1. */
  readonly score: Float64Array;
  /** Index of the case's patient, below `patients`. */
  readonly patient: Int32Array;
  readonly patients: number;
};

/** How often each patient counts; a bootstrap sample is one such vector, the plain figure is all ones. */
export type Weights = ArrayLike<number>;

/** A figure under a weighting of the patients; null where it is undefined, such as an AUC without a positive case. */
export type Statistic = (weights: Weights) => number | null;

/** Every patient once. */
export const onePerPatient = (patients: number): Weights => new Uint16Array(patients).fill(1);
