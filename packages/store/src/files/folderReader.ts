/** Files of a folder, by their path relative to it. Loaded by decoding processes too: it needs nothing but the file system. */
import { open, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readingFile } from '@ichor/shared/fileFault';
import type { FileReader, FileReference } from '@ichor/shared/files';

type Options = { readonly root: string };

/** See {@link ReaderAddress}. */
export const openReader = ({ root }: Options): FileReader => folderReader(root);

/** Reads any folder. @param root of `/` the references are absolute paths */
export function folderReader<Reference extends FileReference>(root: string): FileReader<Reference> {
  const reading = <T>(reference: Reference, read: (path: string) => Promise<T>): Promise<T> => {
    const path = pathIn(root, reference);
    return readingFile(path, () => read(path));
  };
  return {
    address: { module: import.meta.url, options: { root } },
    open: (reference) => reading(reference, (path) => readFile(path)),
    range: (reference, fromByte, lengthBytes) => reading(reference, (path) => rangeOf(path, fromByte, lengthBytes)),
    stat: (reference) =>
      reading(reference, async (path) => {
        const { size, mtimeNs, dev, ino } = await stat(path, { bigint: true });
        return { sizeBytes: Number(size), version: `${dev} ${ino} ${mtimeNs} ${size}` };
      }),
  };
}

/** A reference never leads out of its folder. */
export function pathIn(root: string, reference: FileReference): string {
  const [folder, path] = [resolve(root), resolve(root, reference)];
  if (folder !== '/' && !path.startsWith(`${folder}/`)) throw new Error(`${reference} leads out of ${root}`);
  return path;
}

async function rangeOf(path: string, fromByte: number, lengthBytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, fromByte);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The file system of this machine: the references are absolute paths. For folders that are no store of ours. */
export const localFiles: FileReader = folderReader('/');
