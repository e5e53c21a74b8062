/**
 * What a compressed frame says of itself, read before any decoder is given it. Pure.
 *
 * The decoders of JPEG Lossless and HTJ2K fill up what is missing at the end, that of JPEG-LS may not come back: whether a
 * codestream is whole has to be known beforehand.
 */

export type CodestreamSize = { readonly rows: number; readonly columns: number; readonly components: number };

/**
 * Frame header of the JPEG family (ISO 10918-1 §B.2.2, 14495-1 §C.2.2) or SIZ of JPEG 2000 (ISO 15444-1 §A.5.1).
 * @returns null when the bytes are neither, or end before the header does
 */
export function codestreamSize(frame: Uint8Array): CodestreamSize | null {
  const data = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 42) return null;
  const start = data.getUint32(0);
  if (start === 0xff4fff51) return sizOf(data);
  return start >>> 16 === 0xffd8 ? frameHeaderOf(data) : null;
}

/** The image is the reference grid less its offset. */
const sizOf = (data: DataView): CodestreamSize => ({
  columns: data.getUint32(8) - data.getUint32(16),
  rows: data.getUint32(12) - data.getUint32(20),
  components: data.getUint16(40),
});

/** Whether the frame ends with EOI (JPEG family) or EOC (JPEG 2000), the same two bytes, but for padding with zeros. */
export function endsWhole(frame: Uint8Array): boolean {
  let end = frame.length;
  while (end > 2 && frame[end - 1] === 0) end--;
  return frame[end - 2] === 0xff && frame[end - 1] === 0xd9;
}

/** Walks the marker segments up to the first start of frame: SOF0 to SOF15 without DHT, JPG and DAC, or SOF55 of JPEG-LS. */
function frameHeaderOf(data: DataView): CodestreamSize | null {
  for (let at = 2; at + 10 <= data.byteLength; ) {
    if (data.getUint8(at) !== 0xff) return null;
    const marker = data.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = (marker & 0xf0) === 0xc0 && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame || marker === 0xf7)
      return { rows: data.getUint16(at + 5), columns: data.getUint16(at + 7), components: data.getUint8(at + 9) };
    at += 2 + data.getUint16(at + 2);
  }
  return null;
}
