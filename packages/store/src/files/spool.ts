/**
 * The spool: every received instance as a Part 10 file, exactly as it came. It is the truth from which index and jobs can be
 * rebuilt. An instance is `<study>/<series>/<SOP Instance UID>.dcm`; another content under the same UID lies beside
 * it. Several receivers may share a spool.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isSafeUid } from '@ichor/dicom/uid';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { FileReader, SpoolReference } from '@ichor/shared/files';
import type { FileStore } from './fileStore.ts';
import { openStore, type StoreSettings } from './openStores.ts';

export type SpoolInstance = {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  /** The Part 10 head, then the dataset in the pieces in which it came. */
  readonly chunks: readonly Buffer[];
};

/** `new`: stored; `identical`: these very bytes were there; `conflict`: stored beside another content of the same UID. */
export type SpoolOutcome = {
  readonly reference: SpoolReference;
  readonly outcome: 'new' | 'identical' | 'conflict';
  readonly sizeBytes: number;
};

export type Spool = {
  /** Returns when the bytes are durable. @throws IchorError UID_INVALID, SPOOL_FOREIGN, SPOOL_WRITE_FAILED, DISK_BELOW_FLOOR */
  store(instance: SpoolInstance): Promise<SpoolOutcome>;
  readonly files: FileReader<SpoolReference>;
  /**
   * All instances, study by study, or those of one study only; removes what interrupted writes left long ago.
   * @throws IchorError FILE_UNREADABLE at the end, when a folder could not be read
   */
  scan(studyInstanceUid?: string): AsyncIterable<SpoolReference>;
  freeBytes(): Promise<number>;
  /** Where receivers on this machine note what they were receiving; in the data folder, wherever the store is. */
  readonly journalFolder: string;
};

/**
 * @param settings where the store is. @param floorBytes free space below which nothing is stored
 * @param checkIdentity throws when the folder is not the right one (spoolIdentity.ts); asked before and after each store, and before a scan
 * @throws IchorError DATA_DIR_UNUSABLE
 */
export async function openSpool(
  settings: StoreSettings,
  floorBytes = 0,
  checkIdentity: () => Promise<void> = async () => {},
): Promise<Spool> {
  const { dataDir } = settings;
  const { files, place, prepare } = openStore(settings, 'spool');
  await prepare().catch((error) => {
    const remedy = 'Give this user write access, or set ICHOR_DATA_DIR.';
    throw new IchorError('DATA_DIR_UNUSABLE', { path: dataDir, reason: reasonOf(error), remedy }, error);
  });
  const free = freeSpace(files);
  return {
    async store(instance) {
      const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = instance;
      checkUid('Study Instance UID', studyInstanceUid);
      checkUid('Series Instance UID', seriesInstanceUid);
      checkUid('SOP Instance UID', sopInstanceUid);
      await checkIdentity();
      const freeBytes = await free();
      if (freeBytes < floorBytes) throw new IchorError('DISK_BELOW_FLOOR', { path: place, freeBytes, floorBytes });
      try {
        const stored = await storeIn(files, instance);
        await checkIdentity();
        return { ...stored, sizeBytes: sizeOf(instance.chunks) };
      } catch (error) {
        throw spoolError(error, place, floorBytes);
      }
    },
    files,
    async *scan(studyInstanceUid = '') {
      await checkIdentity();
      for await (const reference of files.list(studyInstanceUid)) if (isInstance(reference)) yield reference;
    },
    freeBytes: async () => free(0),
    journalFolder: join(dataDir, 'spool', '.transfers'),
  };
}

function checkUid(name: string, uid: string): void {
  if (!isSafeUid(uid)) throw new IchorError('UID_INVALID', { name, uid: uid.slice(0, 80) });
}

/** `<study>/<series>/<name>.dcm`. */
const isInstance = (reference: SpoolReference): boolean =>
  reference.endsWith('.dcm') && reference.split('/').length === 3;

function spoolError(error: unknown, path: string, floorBytes: number): IchorError {
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
    return new IchorError('DISK_BELOW_FLOOR', { path, freeBytes: 0, floorBytes }, error);
  return error instanceof IchorError ? error : new IchorError('SPOOL_WRITE_FAILED', { reason: reasonOf(error) }, error);
}

async function storeIn(
  files: FileStore<SpoolReference>,
  { studyInstanceUid, seriesInstanceUid, sopInstanceUid, chunks }: SpoolInstance,
): Promise<Omit<SpoolOutcome, 'sizeBytes'>> {
  const base = `${studyInstanceUid}/${seriesInstanceUid}/${sopInstanceUid}`;
  const first = `${base}.dcm`;
  if (await files.put(first, chunks, false)) return { reference: first, outcome: 'new' };
  if (await holds(files, first, chunks)) return { reference: first, outcome: 'identical' };
  const other = `${base}.${digestOf(chunks).slice(0, 16)}.dcm`;
  const isNew = await files.put(other, chunks, false);
  return { reference: other, outcome: isNew ? 'conflict' : 'identical' };
}

/** Whether a stored file has these bytes, compared piece by piece; the head (group 0002) may differ in who sent it. */
async function holds(
  files: FileReader<SpoolReference>,
  reference: SpoolReference,
  chunks: readonly Buffer[],
): Promise<boolean> {
  const [, ...dataset] = chunks;
  let position = (await files.stat(reference)).sizeBytes - sizeOf(dataset);
  if (position !== (await headLength(files, reference))) return false;
  for (const chunk of dataset) {
    if (!(await files.range(reference, position, chunk.length)).equals(chunk)) return false;
    position += chunk.length;
  }
  return true;
}

/** Length of preamble, prefix and group 0002 of a file that {@link part10Header} began; of a shorter file a length that it has not. */
async function headLength(files: FileReader<SpoolReference>, reference: SpoolReference): Promise<number> {
  const groupLength = await files.range(reference, 140, 4);
  return groupLength.length < 4 ? -1 : 144 + groupLength.readUInt32LE();
}

const digestOf = (chunks: readonly Buffer[]): string => {
  const hash = createHash('sha256');
  for (const chunk of chunks.slice(1)) hash.update(chunk);
  return hash.digest('hex');
};

const sizeOf = (chunks: readonly Buffer[]): number => chunks.reduce((total, chunk) => total + chunk.length, 0);

/** Free space, asked of the store at most every 200 ms: it is looked at with every instance. */
function freeSpace(files: Pick<FileStore, 'freeBytes'>): (maxAgeMs?: number) => Promise<number> {
  let [at, value] = [Number.NEGATIVE_INFINITY, 0];
  return async (maxAgeMs = 200) => {
    if (performance.now() - at >= maxAgeMs) [at, value] = [performance.now(), await files.freeBytes()];
    return value;
  };
}
