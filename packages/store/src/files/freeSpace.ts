/** How much room a file system has. */

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IchorError } from '@ichor/shared/errors';

/** Free bytes for an unprivileged process where `path` is or will be. */
export async function freeBytes(path: string): Promise<number> {
  if (!existsSync(path) && dirname(path) !== path) return freeBytes(dirname(path));
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** @throws IchorError DISK_BELOW_FLOOR */
export async function checkDisk(path: string, floorBytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (free < floorBytes) throw new IchorError('DISK_BELOW_FLOOR', { path, freeBytes: free, floorBytes });
}
