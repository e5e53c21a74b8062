/** A PostgreSQL server for one test file: the one that comes with Ichor, on a free port, in a folder of its own. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog, type Database, openDatabase } from '@ichor/shared';
import { startEmbeddedPostgres } from '../../packages/shared/src/embeddedPostgres.ts';
import { eventually } from './ichor.ts';
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

export async function startPostgres(): Promise<TestPostgres> {
  const folder = await openWorkFolder('postgres');
  let server = await startEmbeddedPostgres(folder.path, silentLog);
  const { url } = server;
  return {
    url,
    kill: () => killServer(join(folder.path, 'postgres')),
    async restart() {
      server = await startEmbeddedPostgres(folder.path, silentLog);
      if (server.url !== url) throw new Error(`PostgreSQL came back at ${server.url}, not at ${url}`);
    },
    async stop() {
      await server.stop();
      await killServer(join(folder.path, 'postgres'));
      await folder.remove();
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

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
