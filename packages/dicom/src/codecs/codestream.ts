/**
 * What a compressed frame says of itself, read before any decoder is given it. Pure.
 *
 * The decoders of JPEG Lossless and HTJ2K fill up what is missing at the end, that of JPEG-LS may not come back: whether a
 * codestream is whole has to be known beforehand.
 */

export type CodestreamSize = { readonly rows: number; readonly columns: number; readonly components: number };

/**
 * Frame header of the JPEG family (ISO 10918-1 §B.2.2, 14495-1 §C.2.2) or SIZ of JPEG 2000 (ISO 15444-1 §A.5.1).
 * @returns null when the bytes are neither, end before the header does, or are subsampled
 */
export function codestreamSize(frame: Uint8Array): CodestreamSize | null {
  const data = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 42) return null;
  const start = data.getUint32(0);
  if (start === 0xff4fff51) return sizOf(data);
  return start >>> 16 === 0xffd8 ? frameHeaderOf(data) : null;
}

/** The image is the reference grid less its offset. Null where the first component is subsampled (XRsiz, YRsiz), as no CT is: decoders make up the rest, or do not come back. */
function sizOf(data: DataView): CodestreamSize | null {
  if (data.byteLength < 45 || data.getUint8(43) !== 1 || data.getUint8(44) !== 1) return null;
  return {
    columns: data.getUint32(8) - data.getUint32(16),
    rows: data.getUint32(12) - data.getUint32(20),
    components: data.getUint16(40),
  };
}

/** Behind the end marker a writer may leave this much that is not zero. */
const MOST_BEHIND_BYTES = 1_024;

/**
 * The frame up to its end marker, EOI (JPEG family) or EOC (JPEG 2000), the same two bytes; null when there is none, for then
 * the codestream is cut. What lies behind it is padding, whatever its value: zeros without limit, else up to 1,024 bytes.
 * Within the coded data the two bytes cannot stand: every family stuffs bits or bytes behind 0xFF.
 */
export function upToEndMarker(frame: Uint8Array): Uint8Array | null {
  let end = frame.length;
  while (end > 2 && frame[end - 1] === 0) end--;
  const least = Math.max(2, end - MOST_BEHIND_BYTES);
  for (; end >= least; end--) if (frame[end - 2] === 0xff && frame[end - 1] === 0xd9) return frame.subarray(0, end);
  return null;
}

/** How many readings of the bytes before the end marker are tried. */
const MOST_TRIES = 4;

/**
 * Some writers make a frame even, or fill it up, before its end marker instead of behind it; decoders of JPEG-LS and JPEG 2000
 * then fail. A frame's other readings: with fewer bytes 0x00 or 0xFF there, all of them removed first.
 * @param frame that ends with its end marker
 */
export function withoutFillBeforeEnd(frame: Uint8Array): Uint8Array[] {
  const end = frame.length - 2;
  let fill = 0;
  while (fill < end && (frame[end - 1 - fill] === 0 || frame[end - 1 - fill] === 0xff)) fill++;
  return Array.from({ length: Math.min(fill, MOST_TRIES) }, (_, kept) =>
    Buffer.concat([frame.subarray(0, end - fill + kept), frame.subarray(end)]),
  );
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
