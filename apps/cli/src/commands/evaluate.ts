/** `ichor evaluate DIR… --labels FILE`: how good is a bundle on these studies, measured through the code that production runs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { BOOTSTRAP, countsOf, type Evaluation, missingImages, NOTICE } from '@ichor/evaluation/evaluation';
import { bundleFigures } from '@ichor/evaluation/figures/bundleFigures';
import { compareBundles } from '@ichor/evaluation/figures/comparison';
import { inClassOrder } from '@ichor/evaluation/figures/levelFigures';
import { readerFigures } from '@ichor/evaluation/figures/readers';
import { drawErrors } from '@ichor/evaluation/gallery/drawErrors';
import { pictureFolder } from '@ichor/evaluation/gallery/pictureCache';
import { worstErrors } from '@ichor/evaluation/gallery/worstErrors';
import { type LabelledData, matchLabels } from '@ichor/evaluation/labels/matchLabels';
import { type Labels, readLabels } from '@ichor/evaluation/labels/readLabels';
import { type Reading, readReaders } from '@ichor/evaluation/labels/readReaders';
import { drawPatients } from '@ichor/evaluation/metrics/bootstrap';
import { count } from '@ichor/evaluation/numbers';
import { type GivenThresholds, openBundles, withThresholds } from '@ichor/evaluation/openBundles';
import type { Gallery } from '@ichor/evaluation/report/gallerySection';
import { reportPage } from '@ichor/evaluation/report/reportPage';
import type { Config } from '@ichor/settings/config';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { localFiles } from '@ichor/store/files/folderReader';
import type { Log } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { type AcceptOptions, acceptedBy } from '../evaluate/acceptOptions.ts';
import { conditionsOf, type Predicted, predictWith } from '../evaluate/predictWith.ts';
import { surveyFolders } from '../evaluate/surveyFolders.ts';
import { terminalReport } from '../evaluate/terminalReport.ts';
import { writeGallery } from '../evaluate/writeGallery.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { ichorVersion } from '../ichorVersion.ts';
import { startProgress } from '../terminal.ts';
import { inferenceNotes } from '../triage/inferenceNotes.ts';

export type EvaluateOptions = AcceptOptions & {
  readonly labels: readonly string[];
  /** Null: the configured one. */
  readonly bundle: string | null;
  readonly compare: readonly string[];
  readonly readers: string | null;
  readonly out: string | null;
  /** Instead of the bundles' own, by class. */
  readonly thresholds: GivenThresholds;
  /** Studies whose heat maps a reader is to judge; null: no such page. */
  readonly gallery: number | null;
  readonly json: boolean;
};

/** @returns not analysed when no study was, failed when one failed */
export async function evaluate(cli: Cli, dirs: readonly string[], options: EvaluateOptions): Promise<ExitCode> {
  const config = configOf(cli);
  const opened = await openBundles([options.bundle ?? config.modelDir, ...options.compare], FINDING_CLASSES);
  const bundles = opened.map((bundle) => withThresholds(bundle, options.thresholds));
  const labels = await readLabels(options.labels);
  const data = matchLabels(labels, await surveyFolders(cli, dirs));
  const readings = await readingsOf(cli, options.readers, data);
  const log = inferenceNotes(cli.terminal);
  const predicted: Predicted[] = [];
  const settings = { config, log, accepted: acceptedBy(options), out: options.out };
  const studies = data.studies.map(({ study }) => study);
  for (const bundle of bundles) predicted.push(await predictWith(cli, bundle, studies, settings));
  const measured: Measured = { config, log, dirs, options, labels, data, readings, predicted };
  cli.terminal.note('Computing figures and intervals');
  const evaluation = await evaluationOf(measured);
  if (options.out !== null) {
    await writeResults(cli, options.out, evaluation, await galleryOf(cli, options.out, measured));
    await readerGallery(cli, options.out, measured);
  }
  if (options.json) cli.terminal.print(JSON.stringify(evaluation));
  else for (const line of terminalReport(cli.terminal, evaluation)) cli.terminal.print(line);
  return exitCodeOf(evaluation);
}

function exitCodeOf({ bundles }: Evaluation): ExitCode {
  if (bundles.some(({ coverage }) => coverage.notAnalysed.some(({ state }) => state === 'failed'))) return EXIT.failed;
  return bundles.some(({ coverage }) => coverage.analysed === 0) ? EXIT.notAnalysed : EXIT.done;
}

async function readingsOf(cli: Cli, file: string | null, { studies }: LabelledData): Promise<readonly Reading[]> {
  if (file === null) return [];
  const { readings, withoutImage } = await readReaders(
    file,
    studies.map(({ study }) => study),
  );
  if (withoutImage > 0) cli.terminal.note(`${file}: ${count(withoutImage, 'row')} without a labelled study, left out`);
  return readings;
}

type Measured = {
  readonly config: Config;
  readonly log: Log;
  readonly dirs: readonly string[];
  readonly options: EvaluateOptions;
  readonly labels: Labels;
  readonly data: LabelledData;
  readonly readings: readonly Reading[];
  readonly predicted: readonly Predicted[];
};

async function evaluationOf({
  config,
  dirs,
  options,
  labels,
  data,
  readings,
  predicted,
}: Measured): Promise<Evaluation> {
  const draws = drawPatients(data.patients, BOOTSTRAP.replicates, BOOTSTRAP.seed);
  const figures = predicted.map(({ bundle, predictions }) => bundleFigures(bundle, data, predictions, draws));
  const compared = predicted.map(({ bundle: { identity, thresholds }, predictions }) => ({
    identity,
    predictions,
    thresholds: inClassOrder(thresholds.sets[thresholds.default]!),
  }));
  return {
    schema: 'ichor-evaluation/2',
    notice: NOTICE,
    ichorVersion: await ichorVersion(),
    madeAt: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      inferenceThreads: config.inferenceThreads,
      executionProviders: config.executionProviders.join(', '),
    },
    bootstrap: { ...BOOTSTRAP, resampled: data.patientFrom === 'study' ? 'studies' : 'patients' },
    data: {
      ...countsOf(data),
      folders: dirs.map((dir) => resolve(dir)),
      labelFiles: labels.paths,
      inconsistentLabels: labels.inconsistent,
      accepted: [...acceptedBy(options)],
      missing: missingImages(data.studies, acceptedBy(options)),
    },
    bundles: figures as [(typeof figures)[number], ...typeof figures],
    comparisons: compared.slice(1).map((other) => compareBundles(data, compared[0]!, other, draws)),
    readers: readerFigures(data, predicted[0]!.predictions, readings, compared[0]!.thresholds, draws),
  };
}

/** `metrics.json` and `report.html`. */
async function writeResults(cli: Cli, out: string, evaluation: Evaluation, gallery: Gallery): Promise<void> {
  const folder = resolve(out);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'metrics.json'), `${JSON.stringify(evaluation, null, 1)}\n`);
  await writeFile(join(folder, 'report.html'), await reportPage(evaluation, gallery));
  cli.terminal.note(`Written: ${join(folder, 'report.html')} and metrics.json`);
}

/** The worst errors of the first bundle at its default thresholds. */
async function galleryOf(cli: Cli, out: string, { config, log, options, data, predicted }: Measured): Promise<Gallery> {
  const { bundle, predictions } = predicted[0]!;
  const { sets, default: standard } = bundle.thresholds;
  const errors = worstErrors(data, predictions, inClassOrder(sets[standard]!));
  const shown = errors.flatMap((one) => one.shown);
  const accepted = acceptedBy(options);
  const cache = pictureFolder(resolve(out), bundle.identity, await conditionsOf(accepted));
  const tools = { config: { ...config, modelDir: bundle.dir }, log, files: localFiles, accepted, cache };
  const progress = startProgress(cli.terminal, 'Drawing errors', shown.length);
  try {
    const drawn = await drawErrors(shown, data, tools, (error) => progress.step(`study ${error.studyInstanceUid}`));
    return errors.map(({ finding, missed, falseAlarms }) => ({
      finding,
      missed,
      falseAlarms,
      drawn: drawn.filter((one) => one.finding === finding),
    }));
  } finally {
    progress.done();
  }
}

async function readerGallery(cli: Cli, out: string, { config, log, options, data, predicted }: Measured) {
  if (options.gallery === null) return;
  const { bundle } = predicted[0]!;
  const decidedBy = bundle.thresholds.sets[bundle.thresholds.default]!;
  const thresholds = Object.entries(decidedBy).map(([finding, value]) => `${finding}=${value}`);
  const own = { ...config, modelDir: bundle.dir, thresholds };
  const tools = { config: own, log, files: localFiles, accepted: acceptedBy(options) };
  await writeGallery(cli, out, data, predicted[0]!, tools, { most: options.gallery, threshold: decidedBy.any });
}
