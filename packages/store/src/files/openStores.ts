/**
 * Which file store holds what: the one place that chooses an implementation. Another kind of store is a file beside folderStore.ts, and
 * its line here.
 */
import { join } from 'node:path';
import { isSafeUid } from '@ichor/dicom/uid';
import type { ObjectReference, SpoolReference } from '@ichor/shared/files';
import { makeFolderDurably } from './durably.ts';
import type { FileStore } from './fileStore.ts';
import { folderStore } from './folderStore.ts';
import { keepPrivate } from './keepPrivate.ts';

type StoreName = 'spool' | 'objects';

/** For messages. */
export const placeOf = (dataDir: string, name: StoreName): string => join(dataDir, name);

/** Received instances: see spool.ts. Touches nothing yet. */
export const spoolStore = (dataDir: string): FileStore<SpoolReference> =>
  folderStore(placeOf(dataDir, 'spool'), isSafeUid);

/** Derived objects, `<Study Instance UID>/<SOP Instance UID>.dcm`. Touches nothing yet. */
export const objectStore = (dataDir: string): FileStore<ObjectReference> =>
  folderStore(placeOf(dataDir, 'objects'), isSafeUid);

/** Before something is put: makes the store where there is none, and keeps it private. @throws the error of the file system */
export async function prepareStore(dataDir: string, name: StoreName): Promise<void> {
  const root = placeOf(dataDir, name);
  await makeFolderDurably(root);
  await keepPrivate(root);
}
