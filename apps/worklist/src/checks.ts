/** The checks behind `GET /readyz` and `ichor doctor`: each returns quietly or throws what is wrong and what helps. */
import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Database, Queues } from '@ichor/shared';
import { IchorError, reasonOf } from '@ichor/shared';
import { verifyBundle } from '@ichor/worker';

/** @throws IchorError DATABASE_UNAVAILABLE */
export async function checkDatabase(database: Database): Promise<void> {
  await database.pool.query('SELECT 1 FROM study LIMIT 1');
}

/** @throws IchorError QUEUE_UNAVAILABLE */
export async function checkQueue(queues: Queues): Promise<void> {
  try {
    await queues.ping();
  } catch (error) {
    throw new IchorError('QUEUE_UNAVAILABLE', { reason: reasonOf(error) }, error);
  }
}

/** Every file of the bundle against its digest. @throws IchorError BUNDLE_INVALID naming every problem */
export async function checkModel(bundleDir: string): Promise<void> {
  const { problems } = await verifyBundle(bundleDir);
  if (problems.length > 0) throw new IchorError('BUNDLE_INVALID', { path: bundleDir, reason: problems.join('; ') });
}

/**
 * {@link checkModel} for a probe that comes every few seconds: the digests are computed again only when the manifest
 * changed or a minute has passed.
 */
export function modelProbe(bundleDir: string): () => Promise<void> {
  let last: { key: string; result: Promise<void> } | null = null;
  return async () => {
    const manifest = await stat(join(bundleDir, 'manifest.json')).catch(() => null);
    const key = `${manifest?.mtimeMs} ${Math.floor(Date.now() / 60_000)}`;
    if (last?.key !== key) last = { key, result: checkModel(bundleDir) };
    return last.result;
  };
}

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
