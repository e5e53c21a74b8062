/** Which studies the gallery shows: the decisions on any hemorrhage that are furthest from the truth. Pure. */
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';

export type ErrorKind = 'missed' | 'false alarm';
export type StudyError = {
  readonly kind: ErrorKind;
  /** Index among the labelled studies. */
  readonly study: number;
  readonly studyInstanceUid: string;
  /** Highest probability of any hemorrhage, and the threshold that it missed or reached. */
  readonly score: number;
  readonly threshold: number;
  /** What the study shows by its label. */
  readonly labelled: readonly FindingClass[];
  /** Probability of any hemorrhage per slice, skull base to vertex, and its label; null without one. */
  readonly profile: readonly { readonly probability: number; readonly labelled: boolean | null }[];
};
export type Errors = {
  readonly shown: readonly StudyError[];
  readonly missed: number;
  readonly falseAlarms: number;
};

const ANY = FINDING_CLASSES.indexOf('any');
/** Of each kind. */
const SHOWN = 8;

/** @param threshold of any hemorrhage */
export function worstErrors(data: LabelledData, predictions: readonly StudyPrediction[], threshold: number): Errors {
  const errors = data.studies.flatMap(({ truth, slices, study: { studyInstanceUid } }, study): StudyError[] => {
    const { scan, slices: analysed } = predictions[study]!;
    if (scan === null) return [];
    const score = scan.sequence[ANY]!;
    const positive = truth[ANY] === 1;
    if (score >= threshold === positive) return [];
    const labelled = FINDING_CLASSES.filter((name, index) => name !== 'any' && truth[index] === 1);
    const profile = analysed.map(({ sopInstanceUid, sequence }) => {
      const label = slices.get(sopInstanceUid);
      return { probability: sequence[ANY]!, labelled: label === undefined ? null : label[ANY] === 1 };
    });
    return [
      { kind: positive ? 'missed' : 'false alarm', study, studyInstanceUid, score, threshold, labelled, profile },
    ];
  });
  const missed = errors.filter(({ kind }) => kind === 'missed').sort((one, other) => one.score - other.score);
  const falseAlarms = errors.filter(({ kind }) => kind === 'false alarm').sort((one, other) => other.score - one.score);
  return {
    shown: [...missed.slice(0, SHOWN), ...falseAlarms.slice(0, SHOWN)],
    missed: missed.length,
    falseAlarms: falseAlarms.length,
  };
}
