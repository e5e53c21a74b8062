/**
 * Files by reference: what rows, jobs, headers and slices hold instead of a place on a disk. Only the store that a reference belongs
 * to knows what stands behind it. Types only; the stores are in `@ichor/store/files`.
 */

/** Names a file of a store: opaque, storable. The rows hold it as it is. */
export type FileReference<Store extends string = string> = string & { readonly store?: Store };
/** A received instance. */
export type SpoolReference = FileReference<'spool'>;
/** A derived object: a report or a heat map. */
export type ObjectReference = FileReference<'objects'>;

/** `version` is another text when the file is another one. */
export type FileStat = { readonly sizeBytes: number; readonly version: string };

/** How another process opens the same files: a module that exports `openReader(options)`, and what may be sent to it. */
export type ReaderAddress = { readonly module: string; readonly options: unknown };

/**
 * What an analysis needs of a store. Every method throws IchorError FILE_UNREADABLE when the store does not give the file; that one
 * is missing is told by {@link isMissing} (fileFault.ts).
 */
export type FileReader<Reference extends FileReference = FileReference> = {
  readonly address: ReaderAddress;
  /** All bytes. */
  open(reference: Reference): Promise<Buffer>;
  /** Fewer bytes, or none, where the file ends before. */
  range(reference: Reference, fromByte: number, lengthBytes: number): Promise<Buffer>;
  stat(reference: Reference): Promise<FileStat>;
};
