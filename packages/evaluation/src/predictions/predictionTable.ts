/** ★ What a bundle says of studies as a table: a row for every study and for every instance, analysed or not. Pure. */
import type { StudyPrediction } from './studyPrediction.ts';
import type { SurveyedInstance, SurveyedStudy } from './surveyStudies.ts';

type Cell = string | number | null;
type Scores = { readonly sequence: readonly number[]; readonly cnn: readonly number[] } | null;

/** @param classes names of those that the model looks for, in its order */
export const predictionColumns = (classes: readonly string[]): string[] => [
  'level',
  'StudyInstanceUID',
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'frame',
  'file',
  'state',
  'reason',
  'detail',
  ...classes,
  ...classes.map((name) => `cnn_${name}`),
];

/**
 * Rows under {@link predictionColumns}: of each study its own, then its analysed slices from skull base to vertex, then the instances that
 * were not analysed with their reason, then the files that could not be read. Probabilities: of the sequence model, then of the CNN alone.
 * @param predictions parallel to the studies @param classes as of the columns
 */
export const predictionRows = (
  studies: readonly SurveyedStudy[],
  predictions: readonly StudyPrediction[],
  classes: readonly string[],
): Cell[][] => studies.flatMap((study, index) => rowsOf(study, predictions[index]!, classes));

function rowsOf(study: SurveyedStudy, prediction: StudyPrediction, classes: readonly string[]): Cell[][] {
  const scoreCells = (scores: Scores): Cell[] =>
    scores === null ? classes.flatMap(() => [null, null]) : [...scores.sequence, ...scores.cnn];
  const { studyInstanceUid, state, reason, slices, scan } = prediction;
  const known = new Map(study.instances.map((one) => [one.sopInstanceUid, one]));
  const analysed = new Set(slices.map(({ sopInstanceUid }) => sopInstanceUid));
  const readable = new Set(study.instances.map(({ path }) => path));
  const place = (one: SurveyedInstance | undefined, frame: number | null): Cell[] => [
    studyInstanceUid,
    one?.seriesInstanceUid ?? null,
    one?.sopInstanceUid ?? null,
    frame,
    one?.path ?? null,
  ];
  const why = reason === null ? [null, null] : [reason.code, reason.detail];
  return [
    ['study', studyInstanceUid, null, null, null, null, state, ...why, ...scoreCells(scan)],
    ...slices.map((slice): Cell[] => {
      const where = place(known.get(slice.sopInstanceUid), slice.frameNumber);
      return ['slice', ...where, 'analysed', null, null, ...scoreCells(slice)];
    }),
    ...study.instances
      .filter(({ sopInstanceUid }) => !analysed.has(sopInstanceUid))
      .map((one): Cell[] => ['slice', ...place(one, null), ...whyNot(one, prediction), ...scoreCells(null)]),
    ...study.paths
      .filter((path) => !readable.has(path))
      .map((path): Cell[] => [
        ...['slice', studyInstanceUid, null, null, null, path],
        ...['not-analysed', 'unreadable-instance', null, ...scoreCells(null)],
      ]),
  ];
}

/** State, reason and detail of an instance that has no score: the study's reason, else its series', else that it is no slice. */
function whyNot({ seriesInstanceUid }: SurveyedInstance, { state, reason, series }: StudyPrediction): Cell[] {
  if (reason !== null) return [state === 'failed' ? state : 'not-analysed', reason.code, reason.detail];
  const own = series.find((one) => one.seriesInstanceUid === seriesInstanceUid);
  return ['not-analysed', own?.reason ?? LEFT_OUT, null];
}

/** In the series that was analysed, and none of its slices: a scout, a screen capture, a second copy. */
export const LEFT_OUT = 'left-out';
