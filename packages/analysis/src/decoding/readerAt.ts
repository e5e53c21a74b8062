/** The files that another process reads, opened in this one. */
import type { FileReader, ReaderAddress } from '@ichor/shared/files';

const opened = new Map<string, Promise<FileReader>>();

/** One reader for each address. */
export function readerAt({ module, options }: ReaderAddress): Promise<FileReader> {
  const key = JSON.stringify([module, options]);
  const known = opened.get(key);
  if (known !== undefined) return known;
  const reader = import(module).then(({ openReader }) => openReader(options) as FileReader);
  opened.set(key, reader);
  return reader;
}
