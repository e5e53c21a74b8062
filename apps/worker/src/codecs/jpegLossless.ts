/** JPEG Lossless, processes 14 (sole importer of jpeg-lossless-decoder-js): transfer syntaxes .57 and .70. */
import { Decoder } from 'jpeg-lossless-decoder-js';

/** @returns bytes, little endian, 1 or 2 per sample. @throws Error */
export function decodeJpegLossless(frame: Uint8Array, bytesPerPixel: number): Uint8Array {
  const samples = new Decoder().decode(new Uint8Array(frame).buffer, 0, frame.length, bytesPerPixel) as
    | Uint8Array
    | Uint16Array;
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}
