/** A file store in memory: that the interface asks for no folder. */
import { fileUnreadable } from '@ichor/shared/fileFault';
import type { FileReference } from '@ichor/shared/files';
import type { FileStore } from '@ichor/store/files/fileStore';
import { localFiles } from '@ichor/store/files/folderReader';

export function memoryStore(): FileStore {
  const files = new Map<FileReference, { readonly bytes: Buffer; readonly version: string }>();
  let puts = 0;
  const found = (reference: FileReference) => {
    const file = files.get(reference);
    if (file !== undefined) return file;
    throw fileUnreadable(reference, Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }));
  };
  const put: FileStore['put'] = async (reference, chunks, replace) => {
    if (!replace && files.has(reference)) return false;
    files.set(reference, { bytes: Buffer.concat(chunks), version: String(puts++) });
    return true;
  };
  return {
    address: { module: '', options: null },
    open: async (reference) => Buffer.from(found(reference).bytes),
    range: async (reference, from, length) => found(reference).bytes.subarray(from, from + length),
    stat: async (reference) => ({
      sizeBytes: found(reference).bytes.length,
      version: found(reference).version,
    }),
    put,
    copyIn: async (reference, path) => void (await put(reference, [await localFiles.open(path)], true)),
    async *list(under) {
      yield* [...files.keys()].filter((one) => under === '' || one.startsWith(`${under}/`)).sort();
    },
    remove: async (reference) => void files.delete(reference),
    freeBytes: async () => Number.MAX_SAFE_INTEGER,
  };
}
