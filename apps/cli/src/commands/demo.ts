/**
 * ★ `ichor demo`: a PACS, Ichor, two phantoms, a scanner, and the worklist that comes of it; all on this
 * machine, over the network as in a hospital.
 */
import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { readInstanceFile } from '@ichor/dimse/requestor/instanceFile';
import { storeInstances } from '@ichor/dimse/requestor/storeInstances';
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import { type Cli, untilSignal } from '../context.ts';
import { demoConfig, PACS_AE_TITLE, SCANNER_AE_TITLE } from '../demo/demoConfig.ts';
import { type DemoFolder, openDemoFolder } from '../demo/demoFolder.ts';
import { fileLog } from '../demo/fileLog.ts';
import { freePort } from '../demo/freePort.ts';
import { missing } from '../demo/outcome.ts';
import { type DemoPacs, startDemoPacs } from '../demo/pacs.ts';
import { type DemoStudy, makePhantoms } from '../demo/phantoms.ts';
import { showResult } from '../demo/showResult.ts';
import { stager } from '../demo/stage.ts';
import { followStudies } from '../demo/studyStates.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { paint, startProgress } from '../terminal.ts';
import { type RunningRoles, startRoles } from './start.ts';

const FOLDER = './data/demo';
const RESULTS_TIMEOUT_MS = 180_000;

type Options = { readonly exit: boolean; readonly keep: boolean };
/** What must be closed again, the last one first. */
type Closers = (() => Promise<void> | void)[];

/** Runs the demo. @returns failed when something is missing or other than expected; stderr says what */
export async function demo(cli: Cli, options: Options): Promise<ExitCode> {
  const stopping = new AbortController();
  const interrupted = untilSignal(cli.signals, () => cli.exitNow(EXIT.failed)).then(() => {
    cli.terminal.note('Stopping …');
    stopping.abort();
  });
  const closers: Closers = [];
  try {
    const outcome = await play(cli, options, stopping.signal, closers);
    if (!options.exit) {
      cli.terminal.print('Ichor goes on running: send your own studies, or stop it with Ctrl-C.');
      await interrupted;
    }
    return outcome;
  } catch (error) {
    if (stopping.signal.aborted) return EXIT.failed;
    throw error;
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function play(cli: Cli, options: Options, signal: AbortSignal, closers: Closers): Promise<ExitCode> {
  const { terminal } = cli;
  const step = stager(terminal, signal);
  const folder = openDemoFolder(FOLDER);
  closers.push(() => folder.close());
  terminal.print(paint(terminal, 'bold', 'Ichor demo: synthetic head CT from a scanner to the worklist'));
  const pacs = await step(
    'PACS',
    () => startPacs(folder, closers),
    ({ port }) => `${PACS_AE_TITLE} takes studies on 127.0.0.1:${port}`,
  );
  const config = await demoConfig(cli.env, folder, pacs.port);
  const roles = await step('Ichor', () => startIchor(config, folder, options, closers), describeRoles(config));
  const studies = await step(
    'Phantoms',
    () => makePhantoms(folder.phantoms),
    (made) => made.map(({ title }) => title).join('; '),
  );
  await step(
    'Scanner',
    () => scan(cli, config, studies),
    (count) => `${SCANNER_AE_TITLE} has sent ${count} instances to ${config.aeTitle}`,
  );
  const seen = await step(
    'Results',
    () => followStudies(terminal, roles.httpPort!, studies.length, pacs.received, RESULTS_TIMEOUT_MS, signal),
    (worklist) => `${worklist.length} studies are through`,
  );
  showResult(terminal, seen, pacs.received, options.exit ? null : `http://127.0.0.1:${roles.httpPort}/`);
  const problems = missing(studies, seen, pacs.received);
  for (const problem of problems) terminal.note(`${paint(terminal, 'red', 'missing:')} ${problem}`);
  if (problems.length > 0) terminal.note(`The log is ${relative(process.cwd(), folder.log)}.`);
  return problems.length === 0 ? EXIT.done : EXIT.failed;
}

async function startPacs(folder: DemoFolder, closers: Closers): Promise<DemoPacs> {
  const pacs = await startDemoPacs(folder.pacs, await freePort(14242));
  closers.push(() => pacs.close());
  return pacs;
}

async function startIchor(
  config: Config,
  folder: DemoFolder,
  { keep }: Options,
  closers: Closers,
): Promise<RunningRoles> {
  const log = fileLog(config, folder.log);
  const roles = await startRoles(config, ['receiver', 'worker', 'worklist'], log);
  closers.push(async () => {
    await roles.close();
    if (!keep) await rm(folder.data, { recursive: true, force: true });
  });
  return roles;
}

const describeRoles =
  (config: Config) =>
  (roles: RunningRoles): string =>
    `${config.aeTitle} listens on 127.0.0.1:${roles.dicomPort}, the worklist on http://127.0.0.1:${roles.httpPort}/`;

/** C-STORE of both studies, each over an association of its own. @returns instances sent */
async function scan({ terminal }: Cli, config: Config, studies: readonly DemoStudy[]): Promise<number> {
  const peer = { aeTitle: config.aeTitle, host: '127.0.0.1', port: config.dicomPort, tls: false };
  const total = studies.reduce((sum, { study }) => sum + study.files.length, 0);
  const progress = startProgress(terminal, '  Sending', total);
  for (const { study } of studies) {
    const files = await Promise.all(study.files.map(readInstanceFile));
    const outcomes = await storeInstances(peer, { callingAeTitle: SCANNER_AE_TITLE, tls: null }, files, () =>
      progress.step(''),
    );
    const refused = outcomes.find(({ error }) => error !== null)?.error;
    if (refused instanceof IchorError) throw refused;
  }
  progress.done();
  return total;
}
