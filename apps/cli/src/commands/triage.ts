/** `ichor triage DIR`: the analysis of the worker on a folder, without server or database. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { findStudies, type StudyFiles } from '@ichor/analysis/volume/findStudies';
import { writeObjects } from '@ichor/report/writeObjects';
import type { Config } from '@ichor/settings/config';
import { asIchorError } from '@ichor/shared/errors';
import type { SliceScore, StudyView } from '@ichor/shared/study';
import { localFiles } from '@ichor/store/files/folderReader';
import { PRIORITY } from '@ichor/store/queue/jobs';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { startProgress } from '../terminal.ts';
import { describeStudy } from '../triage/describeStudy.ts';
import { existingFolder } from '../triage/existingFolder.ts';
import { inferenceNotes } from '../triage/inferenceNotes.ts';
import { noStudies } from '../triage/noStudies.ts';

type Triaged = { readonly view: StudyView; readonly sliceScores: readonly SliceScore[] };
type Options = { readonly json: boolean; readonly out: string | null };

/** Analyses every study under a folder. @returns not analysed when one study is, failed when one failed */
export async function triage(cli: Cli, dir: string, options: Options): Promise<ExitCode> {
  const config = configOf(cli);
  const problems: string[] = [];
  const studies = await findStudies(await existingFolder(dir), localFiles, (problem) => {
    problems.push(problem);
    cli.terminal.note(problem);
  });
  if (studies.length === 0) throw noStudies([dir], problems);
  const inference = await startInference(config, inferenceNotes(cli.terminal));
  const progress = startProgress(cli.terminal, 'Analysing', studies.length);
  const triaged: Triaged[] = [];
  try {
    for (const study of studies) {
      triaged.push(await triageOne(cli, study, inference, config, options));
      progress.step(`study ${study.studyInstanceUid}`);
    }
  } finally {
    progress.done();
    await inference.close();
  }
  for (const { view, sliceScores } of triaged)
    for (const line of options.json ? [JSON.stringify(view)] : describeStudy(cli.terminal, view, sliceScores))
      cli.terminal.print(line);
  return exitCodeOf(triaged.map(({ view }) => view));
}

function exitCodeOf(views: readonly StudyView[]): ExitCode {
  if (views.some(({ state }) => state === 'failed')) return EXIT.failed;
  return views.some(({ state }) => state === 'not-analysed') ? EXIT.notAnalysed : EXIT.done;
}

async function triageOne(
  cli: Cli,
  study: StudyFiles,
  inference: Inference,
  config: Config,
  options: Options,
): Promise<Triaged> {
  try {
    const analysed = await analyseStudy(study.studyInstanceUid, study.paths, {
      inference,
      features: noFeatureCache,
      files: localFiles,
    });
    if (options.out !== null) await writeTo(options.out, analysed, config);
    return { view: viewOf(study, analysed), sliceScores: analysed.result.sliceScores };
  } catch (thrown) {
    const { code, message } = asIchorError(thrown);
    cli.terminal.note(`study ${study.studyInstanceUid} failed: ${message}`);
    const told = { state: 'failed', reason: null, error: code, ...NOTHING_FOUND_HERE, series: [] } as const;
    return { view: { ...emptyView(study), ...told, model: inference.model }, sliceScores: [] };
  }
}

/** Structured Report and heat maps, named after what they are: `<study>/SR-<uid>.dcm`. */
async function writeTo(out: string, analysed: AnalysedStudy, config: Config): Promise<void> {
  const folder = join(resolve(out), analysed.result.studyInstanceUid);
  await mkdir(folder, { recursive: true });
  for (const { kind, sopInstanceUid, bytes } of await writeObjects(analysed, config, null))
    await writeFile(join(folder, `${kind}-${sopInstanceUid}.dcm`), bytes);
}

/** What no analysis changes: here is no queue, no priority and no destination. */
const emptyView = (study: StudyFiles) =>
  ({
    studyInstanceUid: study.studyInstanceUid,
    accessionNumber: null,
    revision: 1,
    priority: PRIORITY.routine,
    receivedInstances: study.paths.length,
    incomplete: null,
    times: { firstInstance: null, lastInstance: null, complete: null, decided: null, flagged: null, delivered: null },
    report: null,
    deliveries: [],
  }) as const;
const NOTHING_FOUND_HERE = { findings: null, keySlices: [] } as const;

function viewOf(study: StudyFiles, { result, identity }: Analysed): StudyView {
  const { series, model } = result;
  const common = {
    ...emptyView(study),
    accessionNumber: identity?.accessionNumber ?? null,
    error: null,
    series,
    model,
  };
  if (result.state === 'not-analysed')
    return { ...common, ...NOTHING_FOUND_HERE, state: result.state, reason: result.reason };
  const { state, findings, keySlices } = result;
  return { ...common, state, reason: null, findings, keySlices };
}
type Analysed = Awaited<ReturnType<typeof analyseStudy>>;
