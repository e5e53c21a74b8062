/**
 * The spool: every received instance as a Part 10 file, exactly as it came. It is the truth from which index and jobs can be
 * rebuilt.
 *
 * An instance is durable in this order: bytes into a temporary file in the final folder, file synced, linked under its final
 * name (which fails rather than replaces), temporary name removed, folder synced; new folders are synced in their parents.
 *
 * Several receivers may share a spool: a temporary file belongs to whoever writes it, and only one that nobody has written to
 * for an hour is what an interrupted write left.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rm, stat, statfs, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isSafeUid } from '@ichor/dicom/uid';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { fileUnreadable, isFileFault } from '@ichor/shared/fileFault';
import { keepPrivate, PRIVATE_FILE, PRIVATE_FOLDER } from './keepPrivate.ts';
import { makeFolder } from './makeFolder.ts';

export type SpoolInstance = {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  /** The Part 10 head, then the dataset in the pieces in which it came. */
  readonly chunks: readonly Buffer[];
};

/** `new`: stored; `identical`: these very bytes were there; `conflict`: stored beside another content of the same UID. */
export type SpoolOutcome = {
  readonly path: string;
  readonly outcome: 'new' | 'identical' | 'conflict';
  readonly sizeBytes: number;
};

export type Spool = {
  /** Returns when the bytes are durable. @throws IchorError UID_INVALID, SPOOL_FOREIGN, SPOOL_WRITE_FAILED, DISK_BELOW_FLOOR */
  store(instance: SpoolInstance): Promise<SpoolOutcome>;
  /** @param path relative to the spool */
  absolutePath(path: string): string;
  /**
   * Relative paths of all instances, study by study, or of one study only; removes what interrupted writes left long ago.
   * @throws IchorError FILE_UNREADABLE at the end, when a folder could not be read
   */
  scan(studyInstanceUid?: string): AsyncIterable<string>;
  freeBytes(): Promise<number>;
};

const TEMPORARY = '.part';
/** A temporary file is written at once: one this old belongs to nobody any more. */
const ABANDONED_AFTER_MS = 3_600_000;
/** Folders that are remembered as made. */
const MOST_KNOWN = 10_000;

/**
 * @param dataDir the spool is its folder `spool`. @param floorBytes free space below which nothing is stored
 * @param checkIdentity throws when the folder is not the right one (spoolIdentity.ts); asked before and after each store, and before a scan
 * @throws IchorError DATA_DIR_UNUSABLE
 */
export async function openSpool(
  dataDir: string,
  floorBytes = 0,
  checkIdentity: () => Promise<void> = async () => {},
): Promise<Spool> {
  const root = join(dataDir, 'spool');
  await makeFolderDurably(root).catch((error) => {
    const remedy = 'Give this user write access, or set ICHOR_DATA_DIR.';
    throw new IchorError('DATA_DIR_UNUSABLE', { path: dataDir, reason: reasonOf(error), remedy }, error);
  });
  await keepPrivate(root);
  const makeFolders = folderMaker();
  const free = freeSpace(root);
  return {
    async store(instance) {
      const folder = join(
        root,
        named('Study Instance UID', instance.studyInstanceUid),
        named('Series Instance UID', instance.seriesInstanceUid),
      );
      named('SOP Instance UID', instance.sopInstanceUid);
      await checkIdentity();
      const freeBytes = await free();
      if (freeBytes < floorBytes) throw new IchorError('DISK_BELOW_FLOOR', { path: root, freeBytes, floorBytes });
      try {
        await makeFolders(folder);
        const stored = await storeIn(root, folder, instance).catch(async (error) => {
          if (!isGone(error)) throw error;
          await makeFolders(folder, true);
          return storeIn(root, folder, instance);
        });
        await checkIdentity();
        return { ...stored, sizeBytes: sizeOf(instance.chunks) };
      } catch (error) {
        throw spoolError(error, root, floorBytes);
      }
    },
    absolutePath: (path) => join(root, path),
    async *scan(studyInstanceUid) {
      await checkIdentity();
      yield* scan(root, studyInstanceUid);
    },
    freeBytes: async () => free(0),
  };
}

function named(name: string, uid: string): string {
  if (!isSafeUid(uid)) throw new IchorError('UID_INVALID', { name, uid: uid.slice(0, 80) });
  return uid;
}

function spoolError(error: unknown, path: string, floorBytes: number): IchorError {
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
    return new IchorError('DISK_BELOW_FLOOR', { path, freeBytes: 0, floorBytes }, error);
  return error instanceof IchorError ? error : new IchorError('SPOOL_WRITE_FAILED', { reason: reasonOf(error) }, error);
}

async function storeIn(
  root: string,
  folder: string,
  { sopInstanceUid, chunks }: SpoolInstance,
): Promise<Omit<SpoolOutcome, 'sizeBytes'>> {
  const temporary = join(folder, `.${sopInstanceUid}.${randomBytes(6).toString('hex')}${TEMPORARY}`);
  const first = join(folder, `${sopInstanceUid}.dcm`);
  try {
    await writeSynced(temporary, chunks);
    if (await linked(temporary, first)) return { path: relative(root, first), outcome: 'new' };
    if (await holds(first, chunks)) return { path: relative(root, first), outcome: 'identical' };
    const other = join(folder, `${sopInstanceUid}.${digestOf(chunks).slice(0, 16)}.dcm`);
    const isNew = await linked(temporary, other);
    return { path: relative(root, other), outcome: isNew ? 'conflict' : 'identical' };
  } finally {
    await unlink(temporary).catch(() => {});
    await syncFolder(folder);
  }
}

async function writeSynced(path: string, chunks: readonly Buffer[]): Promise<void> {
  const file = await open(path, 'wx', PRIVATE_FILE);
  try {
    const { bytesWritten } = await file.writev(chunks as Buffer[]);
    for (const rest of after(chunks, bytesWritten)) await file.writeFile(rest);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** What comes after so many bytes. */
function after(chunks: readonly Buffer[], bytes: number): Buffer[] {
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

/** Whether a stored file has these bytes, compared piece by piece; the head (group 0002) may differ in who sent it. */
async function holds(path: string, chunks: readonly Buffer[]): Promise<boolean> {
  const [, ...dataset] = chunks;
  const file = await open(path);
  try {
    let position = (await file.stat()).size - sizeOf(dataset);
    if (position !== (await headLength(file))) return false;
    for (const chunk of dataset) {
      if (!(await bytesAt(file, position, chunk.length)).equals(chunk)) return false;
      position += chunk.length;
    }
    return true;
  } finally {
    await file.close();
  }
}

/** Length of preamble, prefix and group 0002 of a file that {@link part10Header} began; of a shorter file a length that it has not. */
async function headLength(file: FileHandle): Promise<number> {
  const groupLength = await bytesAt(file, 140, 4);
  return groupLength.length < 4 ? -1 : 144 + groupLength.readUInt32LE();
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

const digestOf = (chunks: readonly Buffer[]): string => {
  const hash = createHash('sha256');
  for (const chunk of chunks.slice(1)) hash.update(chunk);
  return hash.digest('hex');
};

const sizeOf = (chunks: readonly Buffer[]): number => chunks.reduce((total, chunk) => total + chunk.length, 0);

async function makeFolderDurably(path: string): Promise<void> {
  const first = await makeFolder(path);
  if (first === undefined) return;
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) await syncFolder(dirname(folder));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Makes the folders of a series, never the spool itself. @returns a function whose `again` makes also what it made before */
function folderMaker(): (folder: string, again?: boolean) => Promise<void> {
  const known = new Set<string>();
  return async (folder, again = false) => {
    if (known.has(folder) && !again) return;
    for (const path of [dirname(folder), folder]) await makeOne(path);
    if (known.size >= MOST_KNOWN) known.clear();
    known.add(folder);
  };
}

async function makeOne(path: string): Promise<void> {
  const made = await mkdir(path, { mode: PRIVATE_FOLDER }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  if (made) await syncFolder(dirname(path));
}

async function* scan(root: string, studyInstanceUid?: string): AsyncIterable<string> {
  let fault: IchorError | null = null;
  for (const study of studyInstanceUid === undefined ? await foldersIn(root) : [studyInstanceUid]) {
    try {
      yield* scanStudy(root, study);
    } catch (error) {
      if (!isFileFault(error)) throw error;
      fault ??= fileUnreadable(join(root, study), error);
    }
  }
  if (fault !== null) throw fault;
}

async function* scanStudy(root: string, study: string): AsyncIterable<string> {
  for (const series of await foldersIn(join(root, study))) {
    const folder = join(root, study, series);
    const names = (await readdir(folder).catch(unlessGone)) ?? [];
    for (const name of names.sort()) {
      if (name.endsWith('.dcm')) yield join(study, series, name);
      if (name.endsWith(TEMPORARY)) await removeAbandoned(join(folder, name));
    }
  }
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = (await readdir(path, { withFileTypes: true }).catch(unlessGone)) ?? [];
  return entries
    .filter((entry) => entry.isDirectory() && isSafeUid(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** What is removed meanwhile is no fault. */
function unlessGone(error: unknown): null {
  if (!isGone(error)) throw error;
  return null;
}

async function removeAbandoned(path: string): Promise<void> {
  const written = await stat(path).catch(unlessGone);
  if (written !== null && Date.now() - written.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
}

/** Free space, asked of the file system at most every 200 ms: it is looked at with every instance. */
function freeSpace(root: string): (maxAgeMs?: number) => Promise<number> {
  let [at, value] = [Number.NEGATIVE_INFINITY, 0];
  return async (maxAgeMs = 200) => {
    if (performance.now() - at >= maxAgeMs) {
      const { bavail, bsize } = await statfs(root);
      [at, value] = [performance.now(), bavail * bsize];
    }
    return value;
  };
}
