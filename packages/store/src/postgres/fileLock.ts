/**
 * A lock among the processes of one host: an exclusive transaction on an empty SQLite file, which nobody ever removes.
 *
 * The operating system gives it back when its holder dies, however it dies: there is no abandoned lock to be told from a held one,
 * and no moment in which two think that they may clear it away.
 */
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { IchorError, reasonOf } from '@ichor/shared/errors';

const PATIENCE_MS = 60_000;
const PAUSE_MS = 50;
/** The last byte of an SQLite error: SQLITE_BUSY, somebody else holds it. */
const BUSY = 5;
/** Without a journal file nothing is written: the lock can be taken on a full disk too. */
const LOCK = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';

/** Runs `work` while nobody else holds the lock. @throws Error when a living process does not give it back, IchorError DATA_DIR_UNUSABLE */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const file = translateFaults(path, () => new DatabaseSync(path, { timeout: 0 }));
  try {
    const deadline = Date.now() + PATIENCE_MS;
    while (!translateFaults(path, () => acquired(file))) {
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
    file.exec(LOCK);
    return true;
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY) return false;
    throw error;
  }
}

/** SQLite names no file in what it throws. @throws IchorError DATA_DIR_UNUSABLE */
function translateFaults<T>(path: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    const reason = `its lock ${basename(path)} cannot be taken (${reasonOf(error)})`;
    const remedy =
      'Give Ichor the right to write there, on a file system with locks, or choose another ICHOR_DATA_DIR.';
    throw new IchorError('DATA_DIR_UNUSABLE', { path: dirname(path), reason, remedy }, error);
  }
}
