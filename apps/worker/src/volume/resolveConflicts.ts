/** Two contents under one SOP Instance UID: harmless when their pixels and places agree, otherwise nobody can say which is right. */
import { createHash } from 'node:crypto';
import { NotAnalysable } from '../notAnalysable.ts';
import { loadSlice } from './loadSlice.ts';
import type { InstanceHeader } from './readHeaders.ts';

export type Resolved = {
  /** One header per SOP Instance UID. */
  readonly headers: readonly InstanceHeader[];
  /** UIDs whose contents disagree. */
  readonly conflicting: ReadonlySet<string>;
};

export async function resolveConflicts(headers: readonly InstanceHeader[]): Promise<Resolved> {
  const groups = new Map<string, InstanceHeader[]>();
  for (const header of headers)
    groups.set(header.sopInstanceUid, [...(groups.get(header.sopInstanceUid) ?? []), header]);
  const conflicting = new Set<string>();
  for (const [uid, group] of groups) if (group.length > 1 && !(await agree(group))) conflicting.add(uid);
  return { headers: [...groups.values()].map((group) => group[0]!), conflicting };
}

async function agree(group: readonly InstanceHeader[]): Promise<boolean> {
  const digests = await Promise.all(group.map(contentDigest));
  return digests.every((digest) => digest !== null && digest === digests[0]);
}

/** Pixels in Hounsfield units with their place; null when they cannot be read. */
async function contentDigest(header: InstanceHeader): Promise<string | null> {
  if (!header.rows || !header.columns) return null;
  const hash = createHash('sha256').update(
    JSON.stringify([header.seriesInstanceUid, header.rows, header.columns, header.frames]),
  );
  try {
    for (let frameNumber = 1; frameNumber <= header.frames.length; frameNumber++) {
      const { path, rows, columns, frames } = header;
      const { hu } = await loadSlice({ path, rows, columns, frameNumber, frames: frames.length });
      hash.update(new Uint8Array(hu.buffer, hu.byteOffset, hu.byteLength));
    }
    return hash.digest('hex');
  } catch (error) {
    if (error instanceof NotAnalysable) return null;
    throw error;
  }
}
