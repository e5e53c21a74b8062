/** Derived objects as files under the data folder: `objects/<Study Instance UID>/<SOP Instance UID>.dcm`. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DerivedObject, wants } from '@ichor/report/writeObjects';
import type { Destination } from '@ichor/settings/aeTitles';
import type { Config } from '@ichor/settings/config';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { keepPrivate, PRIVATE_FILE, PRIVATE_FOLDER } from '@ichor/store/files/keepPrivate';
import type { StoredObject } from '@ichor/store/rows/derivedObject';

/** About as much as a report and its heat maps take. */
const PROBE_BYTES = 1_000_000;

/** Nothing is analysed again for a disk that takes nothing. @throws IchorError OBJECTS_UNWRITABLE */
export async function checkWritable({ dataDir }: Pick<Config, 'dataDir'>, studyInstanceUid: string): Promise<void> {
  await onDisk(dataDir, studyInstanceUid, async (folder) => {
    const probe = join(folder, `.probe-${process.pid}`);
    await writeDurably(probe, new Uint8Array(PROBE_BYTES)).finally(() => rm(probe, { force: true }));
  });
}

/** Writes objects durably, before any row names them. @throws IchorError OBJECTS_UNWRITABLE */
export async function storeObjects(
  config: Pick<Config, 'dataDir' | 'destinations'>,
  studyInstanceUid: string,
  objects: readonly DerivedObject[],
): Promise<StoredObject[]> {
  await onDisk(config.dataDir, studyInstanceUid, async (folder) => {
    for (const object of objects) await writeDurably(join(folder, `${object.sopInstanceUid}.dcm`), object.bytes);
    await syncFolder(folder);
  });
  return objects.map((object) => storedObject(config.destinations, studyInstanceUid, object));
}

async function onDisk(dataDir: string, studyInstanceUid: string, work: (folder: string) => Promise<void>) {
  const root = join(dataDir, 'objects');
  try {
    const folder = join(root, studyInstanceUid);
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    await keepPrivate(root);
    await work(folder);
  } catch (error) {
    throw new IchorError('OBJECTS_UNWRITABLE', { studyInstanceUid, path: root, reason: reasonOf(error) }, error);
  }
}

function storedObject(
  destinations: readonly Destination[],
  studyInstanceUid: string,
  { kind, sopInstanceUid, seriesInstanceUid, sopClassUid, form }: DerivedObject,
): StoredObject {
  return {
    kind,
    sopInstanceUid,
    seriesInstanceUid,
    sopClassUid,
    path: join(studyInstanceUid, `${sopInstanceUid}.dcm`),
    destinations: destinations
      .filter((one) => wants(one, form) && (kind === 'SR' || one.heatmaps))
      .map(({ aeTitle }) => aeTitle),
  };
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.part-${process.pid}`;
  try {
    const file = await open(temporary, 'w', PRIVATE_FILE);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  for (const path of [folder, dirname(folder)]) {
    const handle = await open(path, 'r');
    await handle.sync().finally(() => handle.close());
  }
}
