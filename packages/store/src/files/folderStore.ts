/**
 * A file store in a folder: the reference is the path relative to it.
 *
 * Several processes may share it: a temporary file belongs to whoever writes it, and only one that nobody has written to for an hour is
 * what an interrupted write left.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSafeUid } from '@ichor/dicom/uid';
import type { IchorError } from '@ichor/shared/errors';
import { fileUnreadable, isFileFault } from '@ichor/shared/fileFault';
import type { FileReference } from '@ichor/shared/files';
import { makeFolderDurably, makeFoldersBelow, TEMPORARY, writeDurably } from './durably.ts';
import type { FileStore, OpenStore } from './fileStore.ts';
import { folderReader, pathIn } from './folderReader.ts';
import { freeBytes } from './freeSpace.ts';
import { keepPrivate } from './keepPrivate.ts';

/** A temporary file is written at once: one this old belongs to nobody any more. */
const ABANDONED_AFTER_MS = 3_600_000;
/** Folders that are remembered as made. */
const MOST_KNOWN = 10_000;

/** `file:///folder`: a folder in it for each store, private; of the folders in that, those named by a UID are ours. */
export const openFolder: OpenStore = (url, name) => {
  const place = join(fileURLToPath(url), name);
  return {
    place,
    files: folderStore(place, isSafeUid),
    async prepare() {
      await makeFolderDurably(place);
      await keepPrivate(place);
    },
  };
};

/**
 * @param folder must be there when something is put: an empty mount is no store
 * @param isOurs names of folders that belong to the store; others are left alone
 */
export function folderStore<Reference extends FileReference>(
  folder: string,
  isOurs: (folder: string) => boolean = () => true,
): FileStore<Reference> {
  const root = resolve(folder);
  const makeFolders = folderMaker(root);
  const put: FileStore<Reference>['put'] = async (reference, chunks, replace) => {
    const path = pathIn(root, reference);
    await makeFolders(dirname(path));
    return writeDurably(path, chunks, replace).catch(async (error) => {
      if (!isAbsent(error)) throw error;
      await makeFolders(dirname(path), true);
      return writeDurably(path, chunks, replace);
    });
  };
  return {
    ...folderReader<Reference>(root),
    put,
    async copyIn(reference, path) {
      await put(reference, [await readFile(path)], true);
    },
    list: (under) => list<Reference>(root, under, isOurs),
    remove: (reference) => rm(pathIn(root, reference), { force: true }),
    freeBytes: () => freeBytes(root),
  };
}

const isAbsent = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** @returns a function whose `again` makes also what it made before */
function folderMaker(root: string): (folder: string, again?: boolean) => Promise<void> {
  const known = new Set<string>();
  return async (folder, again = false) => {
    if (known.has(folder) && !again) return;
    await makeFoldersBelow(root, folder);
    if (known.size >= MOST_KNOWN) known.clear();
    known.add(folder);
  };
}

async function* list<Reference>(
  root: string,
  under: string,
  isOurs: (folder: string) => boolean,
): AsyncIterable<Reference> {
  const faults: IchorError[] = [];
  yield* below(under);
  if (faults[0] !== undefined) throw faults[0];

  async function* below(folder: string): AsyncIterable<Reference> {
    for (const entry of await entriesOf(join(root, folder), faults)) {
      const reference = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (isOurs(entry.name) && !entry.name.startsWith('.')) yield* below(reference);
      } else if (entry.name.endsWith(TEMPORARY)) await removeAbandoned(join(root, reference));
      else if (!entry.name.startsWith('.')) yield reference as Reference;
    }
  }
}

/** Sorted by name. A folder that is gone meanwhile is empty; one that cannot be read is noted. */
async function entriesOf(folder: string, faults: IchorError[]) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  } catch (error) {
    if (!isFileFault(error)) throw error;
    if (!isAbsent(error)) faults.push(fileUnreadable(folder, error));
    return [];
  }
}

async function removeAbandoned(path: string): Promise<void> {
  const written = await stat(path).catch(unlessAbsent);
  if (written !== null && Date.now() - written.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
}

/** What is removed meanwhile is no fault. */
function unlessAbsent(error: unknown): null {
  if (!isAbsent(error)) throw error;
  return null;
}
