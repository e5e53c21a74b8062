/** A folder with those above it. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Like Node's recursive `mkdir`, which never returns where a file system refuses new folders with ENOENT, as /proc does.
 * @returns the uppermost folder that was made, or undefined. @throws the error of the file system
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const outcome = await mkdir(path).catch((error: NodeJS.ErrnoException) => error);
  if (outcome === undefined) return path;
  if (outcome.code === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
  if (outcome.code !== 'ENOENT' || dirname(path) === path) throw outcome;
  const first = await makeFolder(dirname(path));
  await mkdir(path).catch(unlessMade);
  return first ?? path;
}

/** Another process may have made it meanwhile. */
function unlessMade(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
