/** What an image shows, whatever its transfer syntax. */
import { createHash } from 'node:crypto';
import { loadSlice } from './loadSlice.ts';

/** `frames`: how many. */
export type StoredImage = {
  readonly path: string;
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
};

/**
 * SHA-256 (hex) of the Hounsfield units of every frame. A damaged stream may keep a decoder busy for ever: only for the
 * inference process. @throws NotAnalysable
 */
export async function pixelDigest(image: StoredImage): Promise<string> {
  const hash = createHash('sha256');
  for (let frameNumber = 1; frameNumber <= image.frames; frameNumber++) {
    const { hu } = await loadSlice({ ...image, frameNumber });
    hash.update(new Uint8Array(hu.buffer, hu.byteOffset, hu.byteLength));
  }
  return hash.digest('hex');
}
