/** What an image shows, whatever its transfer syntax. */
import { createHash } from 'node:crypto';
import type { FileReference } from '@ichor/shared/files';
import type { LoadedSlice } from './loadSlice.ts';

/** `frames`: how many. */
export type StoredImage = {
  readonly reference: FileReference;
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
};

/** SHA-256 (hex) of the Hounsfield units of every frame. @throws as `decode` */
export async function pixelDigest(
  image: StoredImage,
  decode: (frame: StoredImage & { readonly frameNumber: number }) => Promise<LoadedSlice>,
): Promise<string> {
  const hash = createHash('sha256');
  for (let frameNumber = 1; frameNumber <= image.frames; frameNumber++) {
    const { hu } = await decode({ ...image, frameNumber });
    hash.update(bytesOf(hu));
  }
  return hash.digest('hex');
}

/** SHA-256 (hex) of the Hounsfield units of one slice, by which a result says what was analysed. */
export const sliceDigest = (hu: Int16Array): string => createHash('sha256').update(bytesOf(hu)).digest('hex');

const bytesOf = (hu: Int16Array): Uint8Array => new Uint8Array(hu.buffer, hu.byteOffset, hu.byteLength);
