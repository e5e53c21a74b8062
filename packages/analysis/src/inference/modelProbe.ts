/** Whether a bundle is whole. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IchorError } from '@ichor/shared/errors';
import { verifyBundle } from './bundle.ts';

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
