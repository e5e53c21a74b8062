/**
 * Which file store holds what: the setting ICHOR_STORE_URL chooses its kind by the scheme, the data folder where it is unset. Another kind
 * is a file beside folderStore.ts, and its line in KINDS.
 */
import { pathToFileURL } from 'node:url';
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import type { FileReference, ObjectReference, SpoolReference } from '@ichor/shared/files';
import type { FileStore, OpenedStore, OpenStore } from './fileStore.ts';
import { openFolder } from './folderStore.ts';

/** By the scheme of their addresses. */
const KINDS: Readonly<Record<string, OpenStore>> = {
  'file:': openFolder,
};

/** `spool`: received instances, see spool.ts; `objects`: derived objects, `<Study Instance UID>/<SOP Instance UID>.dcm`. */
type StoreName = 'spool' | 'objects';
export type StoreSettings = Pick<Config, 'dataDir'> & Partial<Pick<Config, 'storeUrl'>>;

/** Touches nothing yet. @throws IchorError CONFIG_INVALID when there is no such kind of store */
export function openStore<Name extends StoreName>(
  { dataDir, storeUrl = null }: StoreSettings,
  name: Name,
): OpenedStore<FileReference<Name>> {
  const url = storeUrl === null ? pathToFileURL(dataDir) : new URL(storeUrl);
  const open = KINDS[url.protocol];
  if (open !== undefined) return open(url, name);
  const kinds = Object.keys(KINDS).map((scheme) => `${scheme}//…`);
  throw new IchorError('CONFIG_INVALID', { problems: `ICHOR_STORE_URL must be ${kinds.join(' or ')}` });
}

/** Of received instances. */
export const spoolStore = (settings: StoreSettings): FileStore<SpoolReference> => openStore(settings, 'spool').files;
/** Of derived objects. */
export const objectStore = (settings: StoreSettings): FileStore<ObjectReference> =>
  openStore(settings, 'objects').files;

/** @throws IchorError DISK_BELOW_FLOOR */
export async function checkRoom(settings: StoreSettings & { readonly diskFloorBytes: number }): Promise<void> {
  const [free, floorBytes] = [await spoolStore(settings).freeBytes(), settings.diskFloorBytes];
  const path = settings.storeUrl ?? settings.dataDir;
  if (free < floorBytes) throw new IchorError('DISK_BELOW_FLOOR', { path, freeBytes: free, floorBytes });
}
