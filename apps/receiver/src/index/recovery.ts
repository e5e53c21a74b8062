/** What lies in the spool and not in the index. */
import { readFile } from 'node:fs/promises';
import type { Database, Incidents, Spool } from '@ichor/shared';
import { asIchorError, readPart10 } from '@ichor/shared';
import { identityOf, indexedHeader } from '../storeInstance.ts';
import type { StoredInstance } from '../types.ts';
import { indexedPaths } from './rows.ts';

/** Study by study; a file that cannot be read is an incident and stays where it is. */
export async function* findUnindexed(
  database: Database,
  spool: Spool,
  incidents: Incidents,
): AsyncIterable<StoredInstance> {
  let [study, known] = ['', new Set<string>()];
  for await (const path of spool.scan()) {
    const studyInstanceUid = path.split('/')[0]!;
    if (studyInstanceUid !== study) [study, known] = [studyInstanceUid, await indexedPaths(database, studyInstanceUid)];
    if (known.has(path)) continue;
    const instance = await readStored(spool, path, incidents);
    if (instance !== null) yield instance;
  }
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
