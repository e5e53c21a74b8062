/** `ichor start [roles…]`: the roles in this process, until told to stop. */
import { once } from 'node:events';
import type { Config } from '@ichor/settings/config';
import { readConfig } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import { consoleToLog } from '@ichor/telemetry/consoleToLog';
import type { Log } from '@ichor/telemetry/log';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf, untilSignal } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';

const ROLES = ['receiver', 'worker', 'worklist'] as const;
export type RoleName = (typeof ROLES)[number];
export type RunningRoles = {
  readonly dicomPort: number | null;
  readonly httpPort: number | null;
  /** Finishes what is under way and closes, in the order in which work flows. */
  close(): Promise<void>;
};

/** A role whose database is away waits for minutes; somebody who stops it does not. Making an embedded database takes a few seconds. */
const START_GRACE_MS = 8_000;

/** Runs until Ctrl-C or SIGTERM, which count while roles start too, then drains. @param roleNames empty: every role */
export async function start(cli: Cli, roleNames: readonly string[]): Promise<ExitCode> {
  const roles = checkedRoles(roleNames);
  const config = configOf(cli);
  for (const warning of readConfig(cli.env).warnings) cli.terminal.note(`warning: ${warning}`);
  consoleToLog(createLog(config, roles.length === 1 ? roles[0]! : 'ichor'));
  const giveUp = new AbortController();
  const stopping = untilSignal(cli.signals, () => cli.exitNow(EXIT.failed)).then(() => {
    cli.terminal.note('Stopping: finishing what is under way … (once more: at once)');
    setTimeout(() => giveUp.abort(), START_GRACE_MS).unref();
  });
  const running = await startRoles(config, roles, (role) => createLog(config, role), giveUp.signal).catch((error) => {
    if (giveUp.signal.aborted) cli.exitNow(EXIT.failed);
    throw error;
  });
  for (const line of greeting(config, running)) cli.terminal.note(line);
  await stopping;
  await running.close();
  return EXIT.done;
}

/** Starts roles one after the other; if one cannot start, or has not when `giveUp` says so, those before it are closed again. */
export async function startRoles(
  config: Config,
  roles: readonly RoleName[],
  logFor: (role: RoleName) => Log,
  giveUp: AbortSignal = new AbortController().signal,
): Promise<RunningRoles> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closeRole of closers) await closeRole();
  };
  const givenUp = once(giveUp, 'abort').then(() => Promise.reject(new Error('stopped before every role had started')));
  givenUp.catch(() => {});
  const ports: { dicom: number | null; http: number | null } = { dicom: null, http: null };
  try {
    for (const role of ROLES.filter((name) => roles.includes(name))) {
      const log = logFor(role);
      const started = await Promise.race([startRole(role, config, log), givenUp]);
      closers.push(() => {
        log.event('role.stopping');
        return started.close();
      });
      if (role === 'receiver') ports.dicom = started.port;
      if (role === 'worklist') ports.http = started.port;
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { dicomPort: ports.dicom, httpPort: ports.http, close };
}

/** A role's code is loaded only where it runs: a receiver needs no inference engine. */
async function startRole(
  role: RoleName,
  config: Config,
  log: Log,
): Promise<{ port: number | null; close(): Promise<void> }> {
  if (role === 'receiver') return (await import('@ichor/receiver/receiver')).startReceiverRole(config, log);
  if (role === 'worklist') return (await import('@ichor/worklist/worklist')).startWorklistRole(config, log);
  const worker = await (await import('@ichor/worker/worker')).startWorkerRole(config, log);
  return { port: null, close: () => worker.close() };
}

function checkedRoles(roleNames: readonly string[]): readonly RoleName[] {
  const unknown = roleNames.filter((name) => !ROLES.includes(name as RoleName));
  if (unknown.length > 0)
    throw new IchorError('INPUT_UNUSABLE', {
      path: unknown.join(', '),
      reason: `a role is one of ${ROLES.join(', ')}`,
    });
  return roleNames.length === 0 ? ROLES : (roleNames as RoleName[]);
}

function greeting(config: Config, { dicomPort, httpPort }: RunningRoles): string[] {
  const lines = ['Ichor runs. Not a medical device; not for diagnostic use. Stop it with Ctrl-C.'];
  if (dicomPort !== null) lines.push(`  DICOM     ${config.aeTitle}@${config.bind}:${dicomPort}`);
  if (httpPort !== null) lines.push(`  worklist  http://${config.bind}:${httpPort}/`);
  return lines;
}
