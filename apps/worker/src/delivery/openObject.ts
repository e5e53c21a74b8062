/** A report or heat map as it lies in the folder of derived objects, or why it cannot be sent. */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { type InstanceFile, readInstanceFile } from '@ichor/dimse/requestor/dimseClient';
import type { Config } from '@ichor/settings/config';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import { readingFile } from '@ichor/shared/fileFault';
import type { DueObject } from '@ichor/store/rows/delivery';

/**
 * A fault of the file system may pass: the delivery waits. So may an empty folder of derived objects: what is mounted there is
 * away. An object that is gone from among others, or damaged, comes back from a backup only.
 * @throws IchorError FILE_UNREADABLE, OBJECT_UNUSABLE
 */
export async function openObject(
  { dataDir }: Pick<Config, 'dataDir'>,
  object: Pick<DueObject, 'path' | 'sopInstanceUid'>,
): Promise<InstanceFile> {
  const folder = join(dataDir, 'objects');
  const path = join(folder, object.path);
  try {
    return await readingFile(path, () => readInstanceFile(path));
  } catch (thrown) {
    const error = asIchorError(thrown);
    const isGone = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    if (error.code === 'FILE_UNREADABLE' && !(isGone && (await holdsSomething(folder)))) throw error;
    const reason = isGone ? `its file ${path} is gone` : `its file is damaged (${error.message})`;
    throw new IchorError('OBJECT_UNUSABLE', { sopInstanceUid: object.sopInstanceUid, reason }, error);
  }
}

async function holdsSomething(folder: string): Promise<boolean> {
  const opened = await opendir(folder).catch(() => null);
  if (opened === null) return false;
  const first = await opened.read();
  await opened.close();
  return first !== null;
}
