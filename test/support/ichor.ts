/** Ichor as a hospital runs it: real processes started from the command line, on free ports, in a folder of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { StudyView } from '@ichor/shared/study';

export const ROOT = join(import.meta.dirname, '..', '..');
const MAIN = join(ROOT, 'apps', 'cli', 'src', 'main.ts');
/** As apps/cli/bin/ichor does. */
const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'ichor') };

export type IchorProcess = {
  readonly pid: number;
  /** Everything printed so far. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Starts `ichor start ROLES…`. @param env settings beside the machine's environment */
export function startIchor(roles: readonly string[], env: Readonly<Record<string, string>>): IchorProcess {
  const child = spawn(process.execPath, [MAIN, 'start', ...roles], {
    env: { ...withoutIchor(process.env), ...COMPILE_CACHE, ICHOR_LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return { pid: child.pid!, output: () => output, stop: (signal = 'SIGTERM') => stopChild(child, signal) };
}

/** Runs `ichor ARGS…` to its end. */
export async function runIchor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...withoutIchor(process.env), ...COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const [code] = await once(child, 'close');
  return { code: code as number | null, stdout, stderr };
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
  return child.exitCode;
}

function withoutIchor(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('ICHOR_') || name === 'ICHOR_PYTHON'),
  );
}

/** Below these the kernel takes no port for an outgoing connection, so no other test's socket falls on one of them. */
const FREE_PORTS = { first: 12_000, count: 20_000 };
const given = new Set<number>();

/** A port that nobody listens on and that this process has not given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FREE_PORTS.first + randomInt(FREE_PORTS.count);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

const MOST_PORTS = 5;
/** How PostgreSQL, Redis and Node say that somebody else listens there. */
const PORT_TAKEN = /could not create listen socket|address (already )?in use|EADDRINUSE/i;

/**
 * Starts a server on a free port; on another one when a process took that port in between.
 * @param choose gives a port to try
 * @throws Error of `start`: at once when the port is not the reason, else that of the last try
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>, choose = freePort): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(await choose());
    } catch (error) {
      if (tries === MOST_PORTS || !PORT_TAKEN.test(String(error))) throw error;
    }
  }
}

/** Asks `probe` until it gives something, for at most `timeoutMs`. @throws Error naming `what` and the last fault */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let fault: unknown = 'nothing yet';
  while (Date.now() < deadline) {
    try {
      const found = await probe();
      if (found) return found;
    } catch (error) {
      fault = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${what}: not within ${timeoutMs} ms (${fault instanceof Error ? fault.message : fault})`);
}

/** Waits until every part of a worklist at `httpPort` says that it is ready. */
export const untilReady = (httpPort: number, timeoutMs = 60_000) =>
  eventually('readyz', async () => (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok, timeoutMs);

/** The API of a worklist on this machine, for a program with a token. */
export type Api = { readonly httpPort: number; readonly token: string };

/** Waits until the worklist is ready, then makes a token as an administrator does. @param env the settings of the worklist */
export async function openApi(httpPort: number, env: Readonly<Record<string, string>>): Promise<Api> {
  await untilReady(httpPort);
  const made = await runIchor(['token', 'add', 'test', '--role', 'administrator'], env);
  if (made.code !== 0) throw new Error(`ichor token add: ${made.stderr}`);
  return { httpPort, token: made.stdout.trim() };
}

export const fetchApi = ({ httpPort, token }: Api, path: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${httpPort}${path}`, { headers: { authorization: `Bearer ${token}` } });

/** A study of the API, or null while it is unknown. */
export async function studyView(api: Api, studyInstanceUid: string): Promise<StudyView | null> {
  const answer = await fetchApi(api, `/api/studies/${studyInstanceUid}`);
  return answer.ok ? ((await answer.json()) as StudyView) : null;
}

/** Waits for a result and its report on disk. */
export const untilReported = (api: Api, studyInstanceUid: string) =>
  eventually(`the report of ${studyInstanceUid}`, async () => {
    const study = await studyView(api, studyInstanceUid);
    return study?.report === 'written' ? study : null;
  });

/** Waits for a result of at least `revision`. */
export const untilResult = (api: Api, studyInstanceUid: string, revision = 1, timeoutMs = 120_000) =>
  eventually(
    `a result of ${studyInstanceUid}`,
    async () => {
      const study = await studyView(api, studyInstanceUid);
      return study !== null && study.revision >= revision ? study : null;
    },
    timeoutMs,
  );
