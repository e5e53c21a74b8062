/** A PostgreSQL server for one test file: the one that comes with Ichor, on a free port, in a folder of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { findOwner, findPrograms, initialise, launch } from '@ichor/store/postgres/postgresProgram';
import { createLog } from '@ichor/telemetry/log';
import { eventually, freePort, onFreePort } from './ichor.ts';
import { openWorkFolder } from './workFolder.ts';

export type TestPostgres = {
  readonly url: string;
  /** Ends the server as a power cut does. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

export const silentLog = createLog({ logLevel: 'silent' }, 'test');

const LOGIN = { user: 'ichor', password: 'secret' };

/** The programs of Debian 12, the oldest version that Ichor supports. */
export const DEBIAN_POSTGRES = '/usr/lib/postgresql/15/bin';

/** @param programs folder with initdb and postgres; the ones that come with Ichor when left out @param choosePort gives a port to try */
export async function startPostgres(programs?: string, choosePort = freePort): Promise<TestPostgres> {
  const workFolder = await openWorkFolder('postgres');
  const folder = join(workFolder.path, 'postgres');
  const bin = programs ?? (await findPrograms(workFolder.path));
  const owner = await findOwner();
  await initialise(bin, folder, owner, LOGIN);
  const port = await onFreePort(async (free) => {
    await launch(bin, folder, free, owner);
    return free;
  }, choosePort);
  return {
    url: `postgres://${LOGIN.user}:${LOGIN.password}@127.0.0.1:${port}/postgres`,
    kill: () => killServer(folder),
    restart: () => launch(bin, folder, port, owner),
    async stop() {
      await killServer(folder);
      await workFolder.remove();
    },
  };
}

/** Runs `work` with a migrated database of its own server. */
export async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const postgres = await startPostgres();
  try {
    const database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
    return await work(database).finally(() => database.close());
  } finally {
    await postgres.stop();
  }
}

/** Process id of the server of a data folder, or null. */
export async function serverPid(folder: string): Promise<number | null> {
  const [pid] = (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return pid !== undefined && Number(pid) > 0 && isAlive(Number(pid)) ? Number(pid) : null;
}

/** Kills a server and waits until its helpers are gone too. */
export async function killServer(folder: string): Promise<void> {
  const pid = await serverPid(folder);
  if (pid === null) return;
  const helpers = await childrenOf(pid);
  for (const one of [pid, ...helpers]) killHard(one);
  await eventually('PostgreSQL to end', async () => ![pid, ...helpers].some(isAlive), 20_000);
}

async function childrenOf(pid: number): Promise<number[]> {
  const ps = spawn('ps', ['-o', 'pid=', '--ppid', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  for await (const data of ps.stdout) text += data;
  return text.split(/\s+/).filter(Boolean).map(Number);
}

function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

/** A process that ended and waits for nobody to ask about it (a zombie) is not alive. */
export function isAlive(pid: number): boolean {
  const { status, stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 && !stdout.startsWith('Z');
}
