/** The commands of `ichor`, their options and their help. */
import type { PhantomCommand } from '@ichor/phantom/phantomCommand';
import { type ErrorCode, IchorError, reasonOf } from '@ichor/shared/errors';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { addAccounts } from './accountCommands.ts';
import type { NotificationsOptions } from './commands/notifications.ts';
import type { Cli } from './context.ts';
import { addEvaluation } from './evaluationCommands.ts';
import { EXIT, type ExitCode, exitCodeHelp } from './exitCodes.ts';
import { paint } from './terminal.ts';

type Outcome = { code: ExitCode };
/** Errors that mean: what was given to the command is wrong. */
const BAD_INPUT: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'INPUT_UNUSABLE',
  'NOT_DICOM',
  'REQUEST_INVALID',
  'STUDY_UNKNOWN',
  'TRANSFER_SYNTAX_UNSUPPORTED',
  'UID_INVALID',
]);

/** Runs one command line. @returns the exit code; every fault has been explained on stderr */
export async function run(args: readonly string[], cli: Cli): Promise<ExitCode> {
  const outcome: Outcome = { code: EXIT.done };
  try {
    await buildProgram(cli, outcome).parseAsync([...args], { from: 'user' });
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
    return explain(cli, error);
  }
}

function explain({ terminal }: Cli, error: unknown): ExitCode {
  const problems =
    error instanceof IchorError && error.code === 'CONFIG_INVALID' ? String(error.facts.problems).split('; ') : [];
  if (problems.length > 1) for (const problem of problems) terminal.note(`ichor: ${problem}`);
  else terminal.note(`${paint(terminal, 'red', 'ichor:')} ${reasonOf(error)}`);
  return error instanceof IchorError && BAD_INPUT.has(error.code) ? EXIT.badInput : EXIT.failed;
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

function buildProgram(cli: Cli, outcome: Outcome): Command {
  const program = new Command('ichor')
    .description('Triage of head CT for intracranial hemorrhage. Not for diagnostic use.')
    .addHelpText(
      'after',
      `\n${exitCodeHelp()}\n\nSettings are environment variables, or lines of the file that ICHOR_CONFIG names; \`ichor doctor\` lists them.`,
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => linesOf(text).forEach(cli.terminal.print),
      writeErr: (text) => linesOf(text).forEach(cli.terminal.note),
    })
    .showHelpAfterError('(see `ichor --help`)');
  addServers(program, cli, outcome);
  addNetwork(program, cli, outcome);
  addAnalysis(program, cli, outcome);
  addUpkeep(program, cli, outcome);
  addAccounts(program, cli, wholeNumber, (code) => {
    outcome.code = code;
  });
  return program;
}

/** Each command's module is loaded only when it runs: `ichor --help` and `ichor echo` need no inference engine. */
function addServers(program: Command, cli: Cli, outcome: Outcome): void {
  program
    .command('start')
    .description('run receiver, worker and worklist, or only the roles named, until Ctrl-C or SIGTERM')
    .argument('[roles...]', 'receiver, worker, worklist')
    .action(async (roles: string[]) => {
      const { start } = await import('./commands/start.ts');
      outcome.code = await start(cli, roles);
    });
  program
    .command('demo')
    .description('a scanner, Ichor and a small PACS on this machine: two synthetic studies from C-STORE to worklist')
    .option('--exit', 'stop afterwards; exit code 0 only if everything arrived')
    .option('--keep', 'keep the database and the spool too (./data/demo/ichor)')
    .action(async (options: { exit?: boolean; keep?: boolean }) => {
      const { demo } = await import('./commands/demo.ts');
      outcome.code = await demo(cli, { exit: options.exit ?? false, keep: options.keep ?? false });
    });
}

function addNetwork(program: Command, cli: Cli, outcome: Outcome): void {
  const callingOption = ['--calling <AET>', 'our calling AE title (default: ICHOR_AE_TITLE)', aeTitle] as const;
  program
    .command('echo')
    .description('C-ECHO: does this application entity answer?')
    .argument('<AET@host:port>')
    .option(...callingOption)
    .action(async (peer: string, options: { calling?: string }) => {
      const { echo } = await import('./commands/echo.ts');
      outcome.code = await echo(cli, peer, options.calling ?? null);
    });
  program
    .command('send')
    .description('C-STORE files and folders bit for bit, as a scanner does')
    .argument('<AET@host:port>')
    .argument('<paths...>')
    .option(...callingOption)
    .action(async (peer: string, paths: string[], options: { calling?: string }) => {
      const { send } = await import('./commands/send.ts');
      outcome.code = await send(cli, peer, paths, options.calling ?? null);
    });
}

function addAnalysis(program: Command, cli: Cli, outcome: Outcome): void {
  program
    .command('triage')
    .description('analyse a folder of DICOM files without server or database')
    .argument('<dir>')
    .option('--json', 'print one API study per line (JSON) for each study found')
    .option('--out <dir>', 'write the Structured Report and the heat maps here')
    .action(async (dir: string, options: { json?: boolean; out?: string }) => {
      const { triage } = await import('./commands/triage.ts');
      outcome.code = await triage(cli, dir, { json: options.json ?? false, out: options.out ?? null });
    });
  addHeatmap(program, cli, outcome);
  addEvaluation(program, cli, (code) => {
    outcome.code = code;
  });
  addPhantom(program, cli, outcome);
  const bundle = program.command('bundle').description('model bundles');
  bundle
    .command('verify')
    .description('check files, ports and preprocessing of a bundle, and run its self-test')
    .argument('[dir]', 'default: ICHOR_MODEL')
    .action(async (dir: string | undefined) => {
      const { verify } = await import('./commands/bundle.ts');
      outcome.code = await verify(cli, dir ?? null);
    });
}

function addHeatmap(program: Command, cli: Cli, outcome: Outcome): void {
  program
    .command('heatmap')
    .description('the picture of what decided: one slice with its heat map, as PNG')
    .argument('<dir>', 'folder of DICOM files')
    .option('--study <UID>', 'which one, where the folder holds several')
    .option('--slice <n|UID>', 'from 1 at the skull base, or a SOP Instance UID; default: the highest of the class')
    .option('--class <name>', 'what the map explains; default: the class that decides')
    .option('--png <file>', 'default: slice-N-CLASS.png in this folder')
    .action(async (dir: string, options: { study?: string; slice?: string; class?: string; png?: string }) => {
      const { heatmap } = await import('./commands/heatmap.ts');
      const { study = null, slice = null, class: finding = null, png = null } = options;
      outcome.code = await heatmap(cli, dir, { study, slice, finding, png });
    });
}

function addPhantom(program: Command, cli: Cli, outcome: Outcome): void {
  program
    .command('phantom')
    .description('make synthetic head CT series as DICOM files, with labels.csv')
    .requiredOption('--out <dir>', 'folder for the instances')
    .option('--seed <n>', 'another seed, another head', wholeNumber, 1)
    .option('--studies <n>', 'how many, with successive seeds, each in a folder of its own', wholeNumber, 1)
    .option('--bleed <list>', 'none, random, or subtypes: epidural,intraparenchymal,…', 'none')
    .option('--confounders <list>', 'none, random, or hard negatives: metal, motion, …', 'none')
    .option('--slices <n>', 'number of slices', wholeNumber, 32)
    .option('--matrix <n>', 'rows and columns', wholeNumber, 512)
    .option('--transfer-syntax <UID>', 'default: Explicit VR Little Endian')
    .option('--uid-salt <text>', 'the same images under new UIDs, as if scanned again')
    .action(async ({ transferSyntax, ...options }: PhantomOptions) => {
      const { phantom } = await import('./commands/phantom.ts');
      outcome.code = await phantom(cli, { ...options, transferSyntaxUid: transferSyntax });
    });
}

type PhantomOptions = Omit<PhantomCommand, 'transferSyntaxUid'> & { transferSyntax?: string };

function addUpkeep(program: Command, cli: Cli, outcome: Outcome): void {
  program
    .command('doctor')
    .description('print the effective configuration and check everything that Ichor stands on')
    .action(async () => {
      const { doctor } = await import('./commands/doctor.ts');
      outcome.code = await doctor(cli);
    });
  program
    .command('retriage')
    .description('analyse a study again, for instance with a new model')
    .argument('<StudyInstanceUID>')
    .action(async (uid: string) => {
      const { retriage } = await import('./commands/retriage.ts');
      outcome.code = await retriage(cli, uid);
    });
  program
    .command('redeliver')
    .description('send reports and heat maps again whose delivery was given up')
    .option('--study <UID>', 'those of one study')
    .option('--destination <AET>', 'those of one destination')
    .option('--all-dead', 'every delivery that was given up')
    .action(async (options: { study?: string; destination?: string; allDead?: boolean }) => {
      const { redeliverAgain } = await import('./commands/redeliver.ts');
      outcome.code = await redeliverAgain(cli, options);
    });
  program
    .command('notifications')
    .description('HL7 messages, webhooks and mail: what became of them, the newest first; or send again')
    .option('--state <state>', 'pending, delivered or dead')
    .option('--study <UID>', 'of one study only')
    .option('--resend <ID|all>', 'send one again, or every one that was given up')
    .option('--limit <n>', 'how many', wholeNumber, 50)
    .option('--json', 'one JSON object per line')
    .action(async (options: NotificationsOptions) => {
      const { notifications } = await import('./commands/notifications.ts');
      outcome.code = await notifications(cli, options);
    });
  program
    .command('incidents')
    .description('refused or odd input, dead deliveries, failed analyses; the newest first')
    .option('--study <UID>', 'of one study only')
    .option('--limit <n>', 'how many', wholeNumber, 50)
    .option('--json', 'one JSON object per line')
    .action(async (options: { study?: string; limit: number; json?: boolean }) => {
      const { incidents } = await import('./commands/incidents.ts');
      outcome.code = await incidents(cli, options);
    });
  program
    .command('migrate')
    .description('bring the database schema up to date (every role also does so when it starts)')
    .action(async () => {
      const { migrate } = await import('./commands/migrate.ts');
      outcome.code = await migrate(cli);
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 2_147_483_647)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

function aeTitle(text: string): string {
  if (/^[\x20-\x5b\x5d-\x7e]{1,16}$/.test(text) && text.trim() !== '') return text.trim();
  throw new InvalidArgumentError('An AE title has 1 to 16 printable characters.');
}
