/**
 * A lock among the processes of one host, as a file that names its holder.
 *
 * The file appears with its content in one step (a link to a finished file), so that there is never a lock without a holder.
 * A lock whose holder is dead is moved aside first; should another process have renewed it in that moment, it is put back.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

const PATIENCE_MS = 60_000;
const PAUSE_MS = 50;
let lastTicket = 0;

/** Runs `work` while nobody else holds the lock. @throws Error when a living process does not give it back */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const ticket = `${path}.${process.pid}-${++lastTicket}`;
  await writeFile(ticket, `${process.pid} ${await startOf(process.pid)}`);
  try {
    await acquire(path, ticket);
    return await work().finally(() => rm(path, { force: true }));
  } finally {
    await rm(ticket, { force: true });
  }
}

async function acquire(path: string, ticket: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await linked(ticket, path))) {
    if (Date.now() > deadline) throw new Error(`the lock ${path} is held by process ${await readFile(path, 'utf8')}`);
    if (await isAbandoned(path)) await removeAbandoned(path, `${ticket}.stale`);
    else await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function removeAbandoned(path: string, aside: string): Promise<void> {
  await rename(path, aside).catch(() => {});
  if (!(await isAbandoned(aside))) await linked(aside, path);
  await rm(aside, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}

/** Whether the process that wrote the lock is gone; a lock that has just vanished is none. */
async function isAbandoned(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return false;
  const [pid, start] = text.split(' ');
  return (await startOf(Number(pid))) !== start;
}

/** When a process began, so that a later process with the same number is not taken for it; `dead` when it is not there. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat !== null) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return 'dead';
  }
}
