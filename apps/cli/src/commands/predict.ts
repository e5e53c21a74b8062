/** `ichor predict DIR…`: the scores of every slice and study, without labels, through the code that production runs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { count } from '@ichor/evaluation/numbers';
import { openBundles } from '@ichor/evaluation/openBundles';
import { csvText } from '@ichor/evaluation/predictions/csvText';
import { kaggleSubmission } from '@ichor/evaluation/predictions/kaggleSubmission';
import { predictionColumns, predictionRows } from '@ichor/evaluation/predictions/predictionTable';
import type { StudyPrediction } from '@ichor/evaluation/predictions/studyPrediction';
import type { SurveyedStudy } from '@ichor/evaluation/predictions/surveyStudies';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { classNames, targetOf } from '@ichor/shared/target';
import { type Cli, configOf } from '../context.ts';
import { type AcceptOptions, acceptedBy } from '../evaluate/acceptOptions.ts';
import { predictWith } from '../evaluate/predictWith.ts';
import { surveyFolders } from '../evaluate/surveyFolders.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { table } from '../terminal.ts';
import { inferenceNotes } from '../triage/inferenceNotes.ts';

export type PredictOptions = AcceptOptions & {
  /** Where the table goes; null: stdout. */
  readonly csv: string | null;
  /** The challenge's `sample_submission.csv`; null: no submission is written. */
  readonly kaggle: string | null;
  readonly submission: string;
  /** Null: the configured one. */
  readonly bundle: string | null;
  readonly out: string | null;
};

/** @returns not analysed when no study was, failed when one failed */
export async function predict(cli: Cli, dirs: readonly string[], options: PredictOptions): Promise<ExitCode> {
  const config = configOf(cli);
  // The challenge asks for the six.
  const needed = options.kaggle === null ? null : FINDING_CLASSES;
  const [opened] = await openBundles([options.bundle ?? config.modelDir], needed);
  // A sample that is none is told before anything long begins.
  if (options.kaggle !== null) await kaggleSubmission(options.kaggle, [], []);
  const studies = await surveyFolders(cli, dirs);
  const settings = { config, log: inferenceNotes(cli.terminal), accepted: acceptedBy(options), out: options.out };
  const { bundle, predictions } = await predictWith(cli, opened!, studies, settings);
  const classes = classNames(targetOf(bundle.identity));
  const text = csvText([predictionColumns(classes), ...predictionRows(studies, predictions, classes)]);
  if (options.csv !== null) await write(cli, options.csv, text);
  else if (options.kaggle === null) for (const line of text.trimEnd().split('\n')) cli.terminal.print(line);
  if (options.kaggle !== null) await writeSubmission(cli, options.kaggle, options.submission, studies, predictions);
  for (const line of notAnalysed(predictions)) cli.terminal.note(line);
  return exitCodeOf(predictions);
}

function exitCodeOf(predictions: readonly StudyPrediction[]): ExitCode {
  if (predictions.some(({ state }) => state === 'failed')) return EXIT.failed;
  return predictions.some(({ scan }) => scan !== null) ? EXIT.done : EXIT.notAnalysed;
}

async function writeSubmission(
  cli: Cli,
  sample: string,
  file: string,
  studies: readonly SurveyedStudy[],
  predictions: readonly StudyPrediction[],
): Promise<void> {
  const { text, rows, instances } = await kaggleSubmission(sample, studies, predictions);
  await write(cli, file, text);
  const { scored, notAnalysed: refused, missing } = instances;
  cli.terminal.note(`${count(rows, 'row')} of ${count(scored + refused + missing, 'image')}: ${scored} scored`);
  if (refused + missing > 0)
    cli.terminal.note(
      `${count(refused, 'image')} not analysed and ${missing} that lie in none of the folders keep the value of the sample, which is no prediction`,
    );
}

async function write({ terminal }: Cli, file: string, text: string): Promise<void> {
  const path = resolve(file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  terminal.note(`Written: ${path}`);
}

/** How many studies have no score, by reason; the most frequent first. */
function notAnalysed(predictions: readonly StudyPrediction[]): string[] {
  const reasons = Map.groupBy(
    predictions.flatMap(({ reason }) => reason ?? []),
    ({ code }) => code,
  );
  const rows = [...reasons].toSorted(([, one], [, other]) => other.length - one.length);
  if (rows.length === 0) return [];
  const studies = rows.reduce((sum, [, own]) => sum + own.length, 0);
  return [
    `${count(studies, 'study', 'studies')} of ${predictions.length} without a score:`,
    ...table(rows.map(([code, own]) => [`  ${own.length}`, code, own[0]!.sentence])),
  ];
}
