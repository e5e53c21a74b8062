/** The commands that measure: `ichor evaluate`, `ichor predict`. */
import type { GivenThresholds } from '@ichor/evaluation/openBundles';
import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import { type Command, InvalidArgumentError } from 'commander';
import type { EvaluateOptions } from './commands/evaluate.ts';
import type { PredictOptions } from './commands/predict.ts';
import type { Cli } from './context.ts';
import { MISSING_WORDS } from './evaluate/acceptOptions.ts';
import type { ExitCode } from './exitCodes.ts';

export function addEvaluation(program: Command, cli: Cli, onEnd: (code: ExitCode) => void): void {
  const evaluate = program
    .command('evaluate')
    .description('measure a bundle on labelled studies, through the code that production runs')
    .argument('<dirs...>', 'folders of DICOM files')
    .requiredOption(
      '--labels <path>',
      'CSV (layouts: docs/evaluate.md), or a folder of labels.csv; again for more',
      collect,
    )
    .option('--bundle <dir>', 'default: ICHOR_MODEL')
    .option('--compare <dirs...>', 'further bundles, side by side on the same studies')
    .option('--readers <file>', 'CSV of what readers said')
    .option('--out <folder>', 'report.html and metrics.json; a run that was stopped goes on from here')
    .option(
      '--threshold <class=value>',
      'decide by this instead of the default, such as any=0.5; again for more',
      threshold,
    )
    .option(
      '--gallery [n]',
      'with --out: gallery.html, heat maps of n flagged studies (default: 40) for a reader to judge',
      studyCount,
    )
    .option('--json', 'print metrics.json instead of tables')
    .action(async (dirs: string[], options: Partial<EvaluateOptions> & { threshold?: GivenThresholds }) => {
      const { evaluate: run } = await import('./commands/evaluate.ts');
      const { labels = [], bundle = null, compare = [], readers = null, out = null, json = false } = options;
      const own = { labels, bundle, compare, readers, out, json, thresholds: options.threshold ?? {} };
      onEnd(await run(cli, dirs, { ...own, gallery: galleryOf(options), ...accepted(options) }));
    });
  const predict = program
    .command('predict')
    .description('scores of every slice and study as CSV, through the code that production runs; no labels are needed')
    .argument('<dirs...>', 'folders of DICOM files')
    .option('--csv <file>', 'write the table here (default: print it, unless --kaggle)')
    .option('--kaggle <sample>', "sample_submission.csv of the RSNA 2019 challenge: write exactly its rows' scores")
    .option('--submission <file>', 'where those go', 'submission.csv')
    .option('--bundle <dir>', 'default: ICHOR_MODEL')
    .option('--out <folder>', 'keep predictions here; a run that was stopped goes on, and `evaluate --out` shares them')
    .action(async (dirs: string[], options: Partial<PredictOptions>) => {
      const { predict: run } = await import('./commands/predict.ts');
      const { csv = null, kaggle = null, submission = 'submission.csv', bundle = null, out = null } = options;
      onEnd(await run(cli, dirs, { csv, kaggle, submission, bundle, out, ...accepted(options) }));
    });
  for (const command of [evaluate, predict])
    command
      .option('--accept-derived', 'take derived images too, such as slices rebuilt from JPEG; production refuses them')
      .option(
        '--accept-missing <list>',
        `take images whose header lacks these, as the RSNA challenge's do: ${MISSING_WORDS.join(',')}`,
        missingWords,
      );
}

const accepted = ({ acceptDerived = false, acceptMissing = [] }: Partial<EvaluateOptions>) => ({
  acceptDerived,
  acceptMissing,
});

/** @throws IchorError INPUT_UNUSABLE where there is no folder to write it to */
function galleryOf({ gallery, out }: { gallery?: number | true | null; out?: string | null }): number | null {
  if (gallery === undefined || gallery === null) return null;
  if (out === undefined || out === null)
    throw new IchorError('INPUT_UNUSABLE', {
      path: '--gallery',
      reason: 'it needs a folder to write to, --out FOLDER',
    });
  return gallery === true ? 40 : gallery;
}

function studyCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

const collect = (value: string, former: readonly string[] = []): string[] => [...former, value];

function missingWords(text: string): string[] {
  const words = text.split(',').map((word) => word.trim());
  const unknown = words.find((word) => !MISSING_WORDS.includes(word));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${MISSING_WORDS.join(', ')}.`);
  return words;
}

function threshold(text: string, former: GivenThresholds = {}): GivenThresholds {
  const [, name, number] = /^([a-z]+)=(\d*\.?\d+)$/.exec(text.trim()) ?? [];
  const value = Number(number);
  if (!FINDING_CLASSES.includes(name as FindingClass) || !(value > 0 && value <= 1))
    throw new InvalidArgumentError(
      `It must be CLASS=VALUE, a value above 0 and up to 1, a class of ${FINDING_CLASSES.join(', ')}.`,
    );
  return { ...former, [name as FindingClass]: value };
}
