/** What lies in the spool and not in the index. */
import { readFile } from 'node:fs/promises';
import type { Database, Incidents, Spool } from '@ichor/shared';
import { asIchorError, readPart10 } from '@ichor/shared';
import { identityOf, indexedHeader } from '../storeInstance.ts';
import type { StoredInstance } from '../types.ts';
import { indexedPaths } from './rows.ts';

/** Paths that one statement asks the index about. */
const BATCH = 1_000;

/** In the order of the spool; a file that cannot be read is an incident and stays where it is. */
export async function* findUnindexed(
  database: Database,
  spool: Spool,
  incidents: Incidents,
): AsyncIterable<StoredInstance> {
  for await (const paths of batches(spool.scan())) {
    const known = await indexedPaths(database, paths);
    for (const path of paths) {
      const instance = known.has(path) ? null : await readStored(spool, path, incidents);
      if (instance !== null) yield instance;
    }
  }
}

async function* batches(paths: AsyncIterable<string>): AsyncIterable<string[]> {
  let batch: string[] = [];
  for await (const path of paths) {
    if (batch.push(path) < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

async function readStored(spool: Spool, path: string, incidents: Incidents): Promise<StoredInstance | null> {
  const [studyInstanceUid, seriesInstanceUid] = path.split('/') as [string, string];
  try {
    const bytes = await readFile(spool.absolutePath(path));
    const file = readPart10(bytes, path);
    const { sopClassUid, transferSyntaxUid } = file;
    const identity = identityOf(file.dataset, {
      sopClassUid: sopClassUid ?? '',
      sopInstanceUid: file.sopInstanceUid ?? '',
    });
    return {
      ...identity,
      spoolPath: path,
      sopClassUid: sopClassUid ?? '',
      transferSyntaxUid,
      sizeBytes: bytes.length,
      callingAeTitle: file.callingAeTitle ?? '',
      header: indexedHeader(file.dataset),
    };
  } catch (thrown) {
    const { code, message } = asIchorError(thrown);
    incidents.record({ code, message, studyInstanceUid, seriesInstanceUid });
    return null;
  }
}
