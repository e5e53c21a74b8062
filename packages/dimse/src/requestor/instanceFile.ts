/** Instances to send, as Part 10 files. */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Part10 } from '@ichor/dicom/readPart10';
import { readMeta } from '@ichor/dicom/readPart10';
import { IchorError } from '@ichor/shared/errors';

/** A Part 10 file to send. */
export type InstanceFile = {
  /** For messages. */
  readonly path: string;
  /** All its bytes, asked for when its turn comes. */
  readonly bytes: () => Buffer;
} & Pick<Part10, 'transferSyntaxUid' | 'datasetOffset'> & {
    readonly sopClassUid: string;
    readonly sopInstanceUid: string;
  };

/** More than any file meta information takes. */
const META_BYTES = 65_536;

/** A file of this machine; it is read again when its turn comes. @throws IchorError NOT_DICOM, and the fault of the file system */
export async function readInstanceFile(path: string): Promise<InstanceFile> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(META_BYTES), 0, META_BYTES, 0);
    return instanceFile(path, buffer.subarray(0, bytesRead), () => readFileSync(path));
  } finally {
    await handle.close();
  }
}

/**
 * A file of any store.
 * @param head its first bytes. @param bytes gives all of them
 * @throws IchorError NOT_DICOM when the file has no usable meta information
 */
export function instanceFile(path: string, head: Buffer, bytes: () => Buffer): InstanceFile {
  const { transferSyntaxUid, datasetOffset, sopClassUid, sopInstanceUid } = readMeta(head, path);
  if (sopClassUid === null || sopInstanceUid === null)
    throw new IchorError('NOT_DICOM', { path, reason: 'its file meta information names no SOP Instance' });
  return { path, bytes, transferSyntaxUid, datasetOffset, sopClassUid, sopInstanceUid };
}
