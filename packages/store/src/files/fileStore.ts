/**
 * The interface of every file store: eight methods. A store of another kind is a file beside folderStore.ts and a line in openStores.ts;
 * test/integration/fileStores.test.ts says what it must hold.
 */
import type { FileReader, FileReference } from '@ichor/shared/files';

export type FileStore<Reference extends FileReference = FileReference> = FileReader<Reference> & {
  /**
   * Returns when the bytes are durable. Nobody ever sees a half of them.
   * @param replace false: a file that is there stays, and nothing is written. @returns whether these bytes were written
   * @throws the store's fault
   */
  put(reference: Reference, chunks: readonly Uint8Array[], replace: boolean): Promise<boolean>;
  /** As `put` with `replace`, from a file of this machine. */
  copyIn(reference: Reference, path: string): Promise<void>;
  /**
   * References below a folder ('' is all), sorted; what is half written is none of them.
   * @throws IchorError FILE_UNREADABLE at the end, when a part of them could not be listed
   */
  list(under: string): AsyncIterable<Reference>;
  /** One that is not there is removed already. */
  remove(reference: Reference): Promise<void>;
  freeBytes(): Promise<number>;
};

/** A store as its address tells it; nothing is touched yet. */
export type OpenedStore<Reference extends FileReference = FileReference> = {
  readonly files: FileStore<Reference>;
  /** For messages. */
  readonly place: string;
  /** Before something is put: makes the store where there is none. @throws the store's fault */
  prepare(): Promise<void>;
};
/** What a kind of store exports. @param name of the one of several stores at that address */
export type OpenStore = <Reference extends FileReference>(url: URL, name: string) => OpenedStore<Reference>;
