/** A folder that was named on the command line. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { IchorError, reasonOf } from '@ichor/shared/errors';

/** @returns its absolute path. @throws IchorError INPUT_UNUSABLE when there is none, or it is a file */
export async function existingFolder(dir: string): Promise<string> {
  const path = resolve(dir);
  const found = await stat(path).catch((error: unknown) => reasonOf(error));
  if (typeof found === 'string') throw new IchorError('INPUT_UNUSABLE', { path, reason: found });
  if (!found.isDirectory())
    throw new IchorError('INPUT_UNUSABLE', { path, reason: 'it is no folder; name the one that it lies in' });
  return path;
}
