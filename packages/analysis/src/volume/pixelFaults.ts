/** What the header says of the stored values, checked against the stored values of one frame. Pure. */
import { FAULT, faultOf, faultTable, type PixelModule, wordsOf } from '@ichor/dicom/pixels/hounsfield';

/**
 * Why the pixels cannot be turned into Hounsfield units as their header says; null when they can.
 *
 * Bits outside the stored ones (an announced overlay and a repeated sign aside): Bits Stored, High Bit or Pixel Representation
 * is wrong. Pixel Padding that covers −500 HU or more inside the ellipse that touches the four edges, where a head can lie:
 * it would hide tissue. A padding value that no pixel has is never noticed.
 * @param bytes little endian, one frame of `columns` columns
 */
export function pixelFault(bytes: Uint8Array, pixels: PixelModule, columns: number): string | null {
  if (pixels.padding === null && pixels.bitsStored === pixels.bitsAllocated) return null;
  const words = wordsOf(bytes, pixels);
  const faults = faultsOf(words, pixels);
  const { strayBits, paddedTissue } = counted(faults, words, columns);
  if (strayBits > 0)
    return `${strayBits} pixels use bits outside the ${pixels.bitsStored} stored ones (high bit ${pixels.highBit})`;
  const [from, to] = pixels.padding ?? [0, 0];
  return paddedTissue > 0
    ? `Pixel Padding (${from === to ? from : `${from} to ${to}`}) covers ${paddedTissue} pixels of −500 HU or more where the head lies`
    : null;
}

function faultsOf(words: Uint8Array | Uint16Array, pixels: PixelModule): (raw: number) => number {
  if (words.length < 2 ** pixels.bitsAllocated) return faultOf(pixels);
  const table = faultTable(pixels);
  return (raw) => table[raw]!;
}

function counted(faultOfWord: (raw: number) => number, words: Uint8Array | Uint16Array, columns: number) {
  let [strayBits, paddedTissue] = [0, 0];
  const isInside = ellipse(words.length / columns, columns);
  for (let index = 0; index < words.length; index++) {
    const fault = faultOfWord(words[index]!);
    if (fault === FAULT.none) continue;
    if (fault === FAULT.strayBits) strayBits++;
    else if (isInside(Math.floor(index / columns), index % columns)) paddedTissue++;
  }
  return { strayBits, paddedTissue };
}

/** Whether a pixel's centre lies within the ellipse inscribed in the image. */
function ellipse(rows: number, columns: number): (row: number, column: number) => boolean {
  return (row, column) => Math.hypot((row + 0.5) / (rows / 2) - 1, (column + 0.5) / (columns / 2) - 1) < 1;
}
