/** RLE Lossless (PS3.5 Annex G). */

const HEADER_LENGTH = 64;

/** One frame of 8 or 16 bit samples → bytes, little endian. @throws Error when a segment is broken */
export function decodeRle(frame: Uint8Array, pixels: number, bytesPerPixel: number): Uint8Array {
  const header = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const segments = header.getUint32(0, true);
  if (segments !== bytesPerPixel) throw new Error(`${segments} RLE segments where ${bytesPerPixel} are needed`);
  // Two bytes make 128 at most.
  if (64 * frame.length < pixels * bytesPerPixel) throw new Error('the RLE segments are too short for the image');
  const out = new Uint8Array(pixels * bytesPerPixel);
  for (let segment = 0; segment < segments; segment++) {
    const start = header.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < segments ? header.getUint32(8 + 4 * segment, true) : frame.length;
    if (start < HEADER_LENGTH || end > frame.length || end < start)
      throw new Error('an RLE segment lies outside the frame');
    // Segments hold the most significant byte first (§G.2).
    unpack(frame.subarray(start, end), out, bytesPerPixel - 1 - segment, bytesPerPixel, pixels);
  }
  return out;
}

/** PackBits (§G.3.1) into every `step`-th byte. */
function unpack(segment: Uint8Array, out: Uint8Array, offset: number, step: number, pixels: number): void {
  let [read, written] = [0, 0];
  while (written < pixels && read < segment.length) {
    const code = segment[read++]!;
    if (code === 128) continue;
    const count = code < 128 ? code + 1 : 257 - code;
    if (written + count > pixels || (code < 128 && read + count > segment.length))
      throw new Error('an RLE segment does not fit the image');
    for (let index = 0; index < count; index++)
      out[offset + step * (written + index)] = segment[code < 128 ? read + index : read]!;
    read += code < 128 ? count : 1;
    written += count;
  }
  if (written < pixels) throw new Error('an RLE segment ends too early');
}
