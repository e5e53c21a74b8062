/**
 * PostgreSQL that comes with Ichor, under `<data folder>/postgres`.
 *
 * One server per data folder, shared by every process that uses the folder: whoever comes first starts it, the others join
 * it. Its port stays the same for the life of the folder. It outlives a killed starter, and the next process joins it again.
 * Each process looks after it: should the server itself be killed, the first to notice starts it again. It is stopped by the
 * last process that leaves: a process that closes stops the server when no other client is connected.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import pg from 'pg';
import { makeFolder } from '../files/makeFolder.ts';
import { withFileLock } from './fileLock.ts';
import { closedFolder, findOwner, findPrograms, initialise, launch } from './postgresProgram.ts';

export type EmbeddedServer = { readonly url: string; stop(): Promise<void> };

const USER = 'ichor';
const LOOK_EVERY_MS = 1_000;
/** Helpers of a killed server hold its memory a moment longer. */
const SHARED_MEMORY_ATTEMPTS = 40;
const SHARED_MEMORY_PAUSE_MS = 250;
/** Connections that were just closed are still seen for a moment. */
const ALONE_LOOKS = 10;

/** @throws IchorError DATA_DIR_UNUSABLE, DATABASE_START_FAILED */
export async function startEmbeddedPostgres(dataDir: string, log: Log): Promise<EmbeddedServer> {
  await checkFolder(dataDir);
  const lock = join(dataDir, 'postgres.lock.sqlite');
  const folder = join(dataDir, 'postgres');
  const joinServer = () => withFileLock(lock, () => joinOrStart(dataDir, folder, log));
  const url = await joinServer();
  const watch = keepWatch(folder, joinServer);
  return {
    url,
    async stop() {
      await watch.stop();
      await withFileLock(lock, () => stopWhenAlone(folder, url));
    },
  };
}

/** @returns the server's URL */
async function joinOrStart(dataDir: string, folder: string, log: Log): Promise<string> {
  const password = await kept(join(dataDir, 'postgres.password'), async () => randomBytes(18).toString('hex'));
  const running = await runningServer(folder);
  const port = running?.port ?? (await startServer(dataDir, folder, password));
  log.event(running === null ? 'database.started' : 'database.adopted', { port });
  return `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`;
}

/** As root the server runs as the user `postgres`, who must be able to enter every folder above. */
async function checkFolder(dataDir: string): Promise<void> {
  const remedy = 'Choose another ICHOR_DATA_DIR, or set ICHOR_DATABASE_URL.';
  const closed = await makeFolder(dataDir).then(
    () => closedFolder(dataDir),
    (error) => {
      throw new IchorError('DATA_DIR_UNUSABLE', { path: dataDir, reason: reasonOf(error), remedy });
    },
  );
  if (closed === null) return;
  const reason = `the user postgres, as whom root runs PostgreSQL, may not enter ${closed}`;
  throw new IchorError('DATA_DIR_UNUSABLE', { path: dataDir, reason, remedy: `Run chmod o+x ${closed}. ${remedy}` });
}

async function startServer(dataDir: string, folder: string, password: string): Promise<number> {
  try {
    const [bin, owner] = [await findPrograms(dataDir), await findOwner()];
    if (!(await isInitialised(folder))) await initialise(bin, folder, owner, { user: USER, password });
    const port = await usablePort(join(dataDir, 'postgres.port'));
    await patiently(() => launch(bin, folder, port, owner));
    return port;
  } catch (error) {
    const remedy = `Look into ${folder}.log, or set ICHOR_DATABASE_URL.`;
    throw new IchorError('DATABASE_START_FAILED', { path: folder, reason: reasonOf(error), remedy }, error);
  }
}

async function patiently(start: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === SHARED_MEMORY_ATTEMPTS || !/shared memory block/.test(reasonOf(error))) throw error;
      await pause(SHARED_MEMORY_PAUSE_MS);
    }
  }
}

/** Looks after the server, one look at a time; a start that fails is tried again at the next look. */
function keepWatch(folder: string, start: () => Promise<unknown>): { stop(): Promise<void> } {
  let looking: Promise<unknown> | null = null;
  const look = async (): Promise<void> => {
    if ((await runningServer(folder)) === null) await start();
  };
  const timer = setInterval(() => {
    looking ??= look()
      .catch(() => {})
      .finally(() => {
        looking = null;
      });
  }, LOOK_EVERY_MS).unref();
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** A folder whose initialisation was interrupted is made again. */
async function isInitialised(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.includes('PG_VERSION') && names.includes('postgresql.auto.conf')) return true;
  await rm(folder, { recursive: true, force: true });
  return false;
}

/** The live server of a data folder, by its postmaster.pid; a stale file of a dead server is none. */
async function runningServer(folder: string): Promise<{ pid: number; port: number } | null> {
  const lines = (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 && (await commandOf(pid)).includes('postgres') ? { pid, port } : null;
}

/** What a process runs; empty when it is dead. */
async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const ps = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return ps.stdout;
}

async function stopWhenAlone(folder: string, url: string): Promise<void> {
  for (let look = 1; await hasOtherClients(url); look++) {
    if (look === ALONE_LOOKS) return;
    await pause(100);
  }
  const running = await runningServer(folder);
  if (running === null) return;
  process.kill(running.pid, 'SIGINT');
  while ((await runningServer(folder)) !== null) await pause(50);
}

async function hasOtherClients(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query(
      "SELECT count(*)::int AS others FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    return rows[0].others > 0;
  } catch {
    return true;
  } finally {
    await client.end().catch(() => {});
  }
}

/** The port of last time while it is free, so that connections of other processes find the server again. */
async function usablePort(path: string): Promise<number> {
  const port = Number(await kept(path, async () => String(await listenOnce(0))));
  const usable = await listenOnce(port).catch(() => listenOnce(0));
  if (usable !== port) await writeFile(path, String(usable));
  return usable;
}

async function listenOnce(wanted: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(wanted, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The content of a file that only we may read, made the first time. */
async function kept(path: string, make: () => Promise<string>): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known !== '') return known;
  const made = await make();
  await writeFile(path, made, { mode: 0o600 });
  return made;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
