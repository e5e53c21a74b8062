/** Derived objects in their store: `<Study Instance UID>/<SOP Instance UID>.dcm`. */
import { type DerivedObject, wants } from '@ichor/report/writeObjects';
import type { Destination } from '@ichor/settings/aeTitles';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { ObjectReference } from '@ichor/shared/files';
import type { FileStore } from '@ichor/store/files/fileStore';
import { openStore, type StoreSettings } from '@ichor/store/files/openStores';
import type { StoredObject } from '@ichor/store/rows/derivedObject';

/** About as much as a report and its heat maps take. */
const PROBE_BYTES = 1_000_000;

/** Nothing is analysed again for a store that takes nothing. @throws IchorError OBJECTS_UNWRITABLE */
export async function checkWritable(settings: StoreSettings, studyInstanceUid: string): Promise<void> {
  await putting(settings, studyInstanceUid, async (objects) => {
    const probe = `${studyInstanceUid}/.probe-${process.pid}`;
    await objects.put(probe, [new Uint8Array(PROBE_BYTES)], true).finally(() => objects.remove(probe));
  });
}

/** Writes objects durably, before any row names them. @throws IchorError OBJECTS_UNWRITABLE */
export async function storeObjects(
  config: StoreSettings & { readonly destinations: readonly Destination[] },
  studyInstanceUid: string,
  objects: readonly DerivedObject[],
): Promise<StoredObject[]> {
  await putting(config, studyInstanceUid, async (store) => {
    for (const object of objects) await store.put(referenceOf(studyInstanceUid, object), [object.bytes], true);
  });
  return objects.map((object) => storedObject(config.destinations, studyInstanceUid, object));
}

const referenceOf = (studyInstanceUid: string, object: Pick<DerivedObject, 'sopInstanceUid'>): ObjectReference =>
  `${studyInstanceUid}/${object.sopInstanceUid}.dcm`;

async function putting(
  settings: StoreSettings,
  studyInstanceUid: string,
  work: (objects: FileStore<ObjectReference>) => Promise<void>,
): Promise<void> {
  const { files, place: path, prepare } = openStore(settings, 'objects');
  try {
    await prepare();
    await work(files);
  } catch (error) {
    throw new IchorError('OBJECTS_UNWRITABLE', { studyInstanceUid, path, reason: reasonOf(error) }, error);
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
    path: referenceOf(studyInstanceUid, { sopInstanceUid }),
    destinations: destinations
      .filter((one) => wants(one, form) && (kind === 'SR' || one.heatmaps))
      .map(({ aeTitle }) => aeTitle),
  };
}
