/** Which studies the gallery shows: for each class the decisions that are furthest from the truth. Pure. */
import { findingsOf } from '@ichor/analysis/inference/findings';
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import { findingOf, HEMORRHAGE } from '@ichor/shared/target';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';

export type ErrorKind = 'missed' | 'false alarm';
export type StudyError = {
  readonly kind: ErrorKind;
  readonly finding: FindingClass;
  /** Index among the labelled studies. */
  readonly study: number;
  readonly studyInstanceUid: string;
  /** Highest probability of the class, and the threshold that it missed or reached. */
  readonly score: number;
  readonly threshold: number;
  /** The kind reached its threshold and is not called, for there is no hemorrhage by the threshold of any. */
  readonly withoutAny: boolean;
  /** What the study shows by its label. */
  readonly labelled: readonly FindingClass[];
  /** Probability of the class per slice, skull base to vertex, and its label; null without one. */
  readonly profile: readonly { readonly probability: number; readonly labelled: boolean | null }[];
};
/** Of one class. */
export type Errors = {
  readonly finding: FindingClass;
  readonly shown: readonly StudyError[];
  readonly missed: number;
  readonly falseAlarms: number;
};

/** Of each kind of error. */
const [SHOWN_OF_ANY, SHOWN_OF_A_KIND] = [8, 3];

/**
 * Any hemorrhage first, then the kinds; decided by the rule of production.
 * @param thresholds in FINDING_CLASSES order
 */
export const worstErrors = (
  data: LabelledData,
  predictions: readonly StudyPrediction[],
  thresholds: readonly number[],
): Errors[] =>
  [...FINDING_CLASSES].reverse().map((finding) => errorsOf(finding, errorsIn(finding, data, predictions, thresholds)));

function errorsOf(finding: FindingClass, errors: readonly StudyError[]): Errors {
  const missed = errors.filter(({ kind }) => kind === 'missed').sort((one, other) => one.score - other.score);
  const falseAlarms = errors.filter(({ kind }) => kind === 'false alarm').sort((one, other) => other.score - one.score);
  const most = finding === 'any' ? SHOWN_OF_ANY : SHOWN_OF_A_KIND;
  return {
    finding,
    shown: [...missed.slice(0, most), ...falseAlarms.slice(0, most)],
    missed: missed.length,
    falseAlarms: falseAlarms.length,
  };
}

function errorsIn(
  finding: FindingClass,
  { studies }: LabelledData,
  predictions: readonly StudyPrediction[],
  thresholds: readonly number[],
): StudyError[] {
  const at = FINDING_CLASSES.indexOf(finding);
  return studies.flatMap(({ truth, slices, study: { studyInstanceUid } }, study): StudyError[] => {
    const { scan, slices: analysed } = predictions[study]!;
    if (scan === null) return [];
    const { score, threshold, present } = findingOf(findingsOf(scan.sequence, thresholds, HEMORRHAGE), finding);
    const positive = truth[at] === 1;
    if (present === positive) return [];
    const profile = analysed.map(({ sopInstanceUid, sequence }) => {
      const label = slices.get(sopInstanceUid);
      return { probability: sequence[at]!, labelled: label === undefined ? null : label[at] === 1 };
    });
    const labelled = FINDING_CLASSES.filter((name, index) => name !== 'any' && truth[index] === 1);
    const [kind, withoutAny] = [positive ? 'missed' : 'false alarm', score >= threshold && !present] as const;
    return [{ kind, finding, study, studyInstanceUid, score, threshold, withoutAny, labelled, profile }];
  });
}
