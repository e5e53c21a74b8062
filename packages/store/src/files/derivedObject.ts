/** Reading a report or heat map that a row names. */
import { IchorError } from '@ichor/shared/errors';
import { isMissing } from '@ichor/shared/fileFault';
import type { ObjectReference } from '@ichor/shared/files';
import type { FileStore } from './fileStore.ts';

/**
 * All its bytes. A fault of the store may pass, and so may an empty one: what is mounted there is away. An object that is missing from
 * among others comes back from a backup only.
 * @throws IchorError FILE_UNREADABLE, OBJECT_MISSING
 */
export async function readDerivedObject(
  objects: FileStore<ObjectReference>,
  reference: ObjectReference,
): Promise<Buffer> {
  try {
    return await objects.open(reference);
  } catch (error) {
    if (!isMissing(error) || !(await holdsSomething(objects))) throw error;
    throw new IchorError('OBJECT_MISSING', { reference }, error);
  }
}

async function holdsSomething(objects: FileStore): Promise<boolean> {
  for await (const _ of objects.list('')) return true;
  return false;
}
