/** Two contents under one SOP Instance UID: harmless when their pixels and places agree, otherwise nobody can say which is right. */
import { IchorError } from '@ichor/shared/errors';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { StoredImage } from './pixelDigest.ts';
import type { InstanceHeader } from './readHeaders.ts';

export type Resolved = {
  /** One header per SOP Instance UID; of one in conflict, one per series that it lies in, so that each series shows it. */
  readonly headers: readonly InstanceHeader[];
  /** UIDs whose contents disagree. */
  readonly conflicting: ReadonlySet<string>;
};
type DigestOf = (image: StoredImage) => Promise<string>;

/**
 * @param digestOf of an image's pixels; it decodes them elsewhere, because a damaged one may never come to an end
 * @throws IchorError INFERENCE_CRASHED
 */
export async function resolveConflicts(headers: readonly InstanceHeader[], digestOf: DigestOf): Promise<Resolved> {
  const groups = Map.groupBy(headers, ({ sopInstanceUid }) => sopInstanceUid);
  const conflicting = new Set<string>();
  let patient = true;
  const inTime = async (image: StoredImage): Promise<string | null> => {
    if (!patient) return null;
    const digest = await digestOf(image).catch(unreadable);
    patient = digest !== 'timeout';
    return patient ? digest : null;
  };
  for (const [uid, group] of groups) if (group.length > 1 && !(await agree(group, inTime))) conflicting.add(uid);
  const kept = [...groups].flatMap(([uid, group]) => (conflicting.has(uid) ? firstOfSeries(group) : group.slice(0, 1)));
  return { headers: kept, conflicting };
}

const firstOfSeries = (group: readonly InstanceHeader[]): InstanceHeader[] =>
  [...Map.groupBy(group, ({ seriesInstanceUid }) => seriesInstanceUid).values()].map((own) => own[0]!);

/** What cannot be read agrees with nothing; what kept the decoder busy until its deadline is not followed by another try. */
function unreadable(error: unknown): 'timeout' | null {
  if (error instanceof NotAnalysable) return error.outOfTime ? 'timeout' : null;
  if (error instanceof IchorError && error.code === 'INFERENCE_TIMEOUT') return 'timeout';
  throw error;
}

async function agree(
  group: readonly InstanceHeader[],
  digestOf: (image: StoredImage) => Promise<string | null>,
): Promise<boolean> {
  const contents = new Set<string>();
  for (const header of group) {
    const { reference, rows, columns, frames } = header;
    if (!rows || !columns) return false;
    const digest = await digestOf({ reference, rows, columns, frames: frames.length });
    if (digest === null) return false;
    contents.add(JSON.stringify([header.seriesInstanceUid, header.frameOfReferenceUid, rows, columns, frames, digest]));
  }
  return contents.size === 1;
}
