/**
 * A lock among the processes of one host: an exclusive transaction on an empty SQLite file, which nobody ever removes.
 *
 * The operating system gives it back when its holder dies, however it dies: there is no abandoned lock to be told from a held one,
 * and no moment in which two think that they may clear it away.
 */
import { DatabaseSync } from 'node:sqlite';

const PATIENCE_MS = 60_000;
const PAUSE_MS = 50;
/** SQLITE_BUSY: somebody else holds it. */
const BUSY = 5;

/** Runs `work` while nobody else holds the lock. @throws Error when a living process does not give it back */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    const deadline = Date.now() + PATIENCE_MS;
    while (!acquired(file)) {
      if (Date.now() > deadline) throw new Error(`the lock ${path} is held by another process for more than a minute`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return await work();
  } finally {
    file.close();
  }
}

function acquired(file: DatabaseSync): boolean {
  try {
    file.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === BUSY) return false;
    throw error;
  }
}
