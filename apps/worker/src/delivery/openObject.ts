/** A report or heat map as it lies in the store of derived objects, or why it cannot be sent. */
import { type InstanceFile, instanceFile } from '@ichor/dimse/requestor/instanceFile';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import { readDerivedObject } from '@ichor/store/files/derivedObject';
import { objectStore, type StoreSettings } from '@ichor/store/files/openStores';
import type { DueObject } from '@ichor/store/rows/delivery';

/** A fault of the store may pass: the delivery waits. @throws IchorError FILE_UNREADABLE, OBJECT_MISSING, OBJECT_UNUSABLE */
export async function openObject(
  settings: StoreSettings,
  { path, sopInstanceUid }: Pick<DueObject, 'path' | 'sopInstanceUid'>,
): Promise<InstanceFile> {
  const bytes = await readDerivedObject(objectStore(settings), path);
  try {
    return instanceFile(path, bytes, () => bytes);
  } catch (error) {
    const reason = `its file is damaged (${asIchorError(error).message})`;
    throw new IchorError('OBJECT_UNUSABLE', { sopInstanceUid, reason }, error);
  }
}
