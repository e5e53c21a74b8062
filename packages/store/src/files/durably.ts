/**
 * Writing that outlives a power cut, the one place of it: bytes into a hidden file beside the final name, file synced, linked under its
 * final name (which fails rather than replaces) or renamed to it, folder synced; new folders are synced in their parents.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PRIVATE_FILE, PRIVATE_FOLDER } from './keepPrivate.ts';
import { makeFolder } from './makeFolder.ts';

export const TEMPORARY = '.part';

/** @param replace false: a file that is there stays. @returns whether it was written. @throws the error of the file system */
export async function writeDurably(path: string, chunks: readonly Uint8Array[], replace: boolean): Promise<boolean> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path, '.dcm')}.${randomBytes(6).toString('hex')}${TEMPORARY}`);
  try {
    await writeSynced(temporary, chunks);
    if (!replace) return await linked(temporary, path);
    await rename(temporary, path);
    return true;
  } finally {
    await unlink(temporary).catch(() => {});
    await syncFolder(folder);
  }
}

async function writeSynced(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx', PRIVATE_FILE);
  try {
    const { bytesWritten } = await file.writev(chunks as Uint8Array[]);
    for (const rest of after(chunks, bytesWritten)) await file.writeFile(rest);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** What comes after so many bytes. */
function after(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return chunks.flatMap((chunk) => {
    const rest = chunk.subarray(skip);
    skip -= Math.min(skip, chunk.length);
    return rest.length > 0 ? [rest] : [];
  });
}

/** Links without ever replacing. @returns whether the name was free */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

export async function makeFolderDurably(path: string): Promise<void> {
  const first = await makeFolder(path);
  if (first === undefined) return;
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) await syncFolder(dirname(folder));
}

/** Makes the folders below `root` that lead to `folder`, never `root` itself. */
export async function makeFoldersBelow(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  await makeFoldersBelow(root, dirname(folder));
  const made = await mkdir(folder, { mode: PRIVATE_FOLDER }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  if (made) await syncFolder(dirname(folder));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
