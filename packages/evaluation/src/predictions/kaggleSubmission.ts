/** A submission to the RSNA 2019 challenge: exactly the rows of its sample, in their order, with our probabilities. */
import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import { badRow, plainName, readCsv } from '../labels/readCsv.ts';
import { csvText } from './csvText.ts';
import type { StudyPrediction } from './studyPrediction.ts';
import type { SurveyedStudy } from './surveyStudies.ts';

export type KaggleSubmission = {
  readonly text: string;
  readonly rows: number;
  /** Instances of the sample, by what became of them. Those without a score keep the sample's own value. */
  readonly instances: {
    readonly scored: number;
    readonly notAnalysed: number;
    /** In none of the folders. */
    readonly missing: number;
  };
};

/** Digits after the point: the challenge takes a probability of 0 for what is true as 1e−15. */
const DIGITS = 12;

/**
 * @param sample `sample_submission.csv`: ID (`ID_<instance>_<class>`) and Label
 * @throws IchorError INPUT_UNUSABLE naming file, line and reason
 */
export async function kaggleSubmission(
  sample: string,
  studies: readonly SurveyedStudy[],
  predictions: readonly StudyPrediction[],
): Promise<KaggleSubmission> {
  const csv = await readCsv(sample);
  const [id, label, ...others] = csv.columns.map(plainName);
  if (id !== 'id' || label !== 'label' || others.length > 0)
    throw new IchorError('INPUT_UNUSABLE', {
      path: csv.path,
      reason: `it has the columns ${csv.columns.join(', ')} where the challenge's sample has ID, Label`,
    });
  const scores = scoresOf(predictions);
  const present = new Set(studies.flatMap(({ instances }) => instances.map((one) => one.sopInstanceUid)));
  const seen = new Map<string, 'scored' | 'notAnalysed' | 'missing'>();
  const rows: string[][] = [];
  for (const { line, cells } of csv.rows) {
    const { instance, index } = parsedId(cells.get('id')!, csv.path, line);
    const name = [instance, instance.replace(/^ID_/, '')].find((one) => present.has(one));
    const own = name === undefined ? undefined : scores.get(name);
    seen.set(instance, own !== undefined ? 'scored' : name === undefined ? 'missing' : 'notAnalysed');
    rows.push([cells.get('id')!, own === undefined ? cells.get('label')! : own[index]!.toFixed(DIGITS)]);
  }
  const count = (what: string): number => [...seen.values()].filter((one) => one === what).length;
  return {
    text: csvText([csv.columns, ...rows]),
    rows: rows.length,
    instances: { scored: count('scored'), notAnalysed: count('notAnalysed'), missing: count('missing') },
  };
}

/** Six probabilities of the sequence model by SOP Instance UID; frames of one instance cannot be submitted. */
const scoresOf = (predictions: readonly StudyPrediction[]): ReadonlyMap<string, readonly number[]> =>
  new Map(
    predictions.flatMap(({ slices }) =>
      slices.flatMap(({ sopInstanceUid, frameNumber, sequence }) =>
        frameNumber === null ? [[sopInstanceUid, sequence] as const] : [],
      ),
    ),
  );

function parsedId(id: string, path: string, line: number): { instance: string; index: number } {
  const [, instance, name] = /^(.+)_([a-z]+)$/.exec(id) ?? [];
  const index = FINDING_CLASSES.indexOf(name as FindingClass);
  if (instance === undefined || index === -1)
    throw badRow(path, line, `the ID "${id}" is not of the form ID_<instance>_<class>`);
  return { instance, index };
}
