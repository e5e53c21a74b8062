/** Stored values → Hounsfield units (PS3.3 C.11.1.1.2, C.7.6.3.1). Pure. */
import { hasStrayBits, storedValue, type WordFormat, wholeWord } from './storedValues.ts';

export type PixelModule = WordFormat & {
  readonly photometricInterpretation: string;
  readonly rescaleSlope: number;
  readonly rescaleIntercept: number;
  /** Pixel Padding Value and Range Limit, as stored; null when absent. */
  readonly padding: readonly [number, number] | null;
};

/** What lies outside the reconstruction is air. */
const PADDING_HU = -1024;
/** Padding masks nothing that could be tissue, whatever the header says. */
const MASKED_BELOW_HU = -500;
const [LOWEST, HIGHEST] = [-32768, 32767];

/**
 * Exactly: value × slope + intercept in double precision, rounded half to even, limited to int16; padding below
 * −500 HU becomes −1024.
 * A known defect is repaired as in the reference (paper's data set): 12-bit unsigned values whose intercept is above −100
 * are signed values that wrapped; 1000 is added, 4096 and above wrap, and the intercept becomes −1000.
 * @param bytes little endian, one frame. @returns int16 [rows × columns]
 */
export function toHounsfield(bytes: Uint8Array, pixels: PixelModule): Int16Array {
  const words = wordsOf(bytes, pixels);
  const out = new Int16Array(words.length);
  const table = words.length < 2 ** pixels.bitsAllocated ? null : hounsfieldTable(pixels);
  const hounsfield = hounsfieldOf(pixels);
  for (let index = 0; index < words.length; index++)
    out[index] = table === null ? hounsfield(words[index]!) : table[words[index]!]!;
  return out;
}

/** A value of odd length anywhere before Pixel Data puts it at an odd offset; the `slice` of a Buffer would not copy. */
export function wordsOf(bytes: Uint8Array, { bitsAllocated }: PixelModule): Uint8Array | Uint16Array {
  if (bitsAllocated === 8) return bytes;
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 1);
}

/** The Hounsfield unit of every word that Bits Allocated can hold. */
const hounsfieldTable = tableFor((pixels: PixelModule) => {
  const hounsfield = hounsfieldOf(pixels);
  return Int16Array.from({ length: 2 ** pixels.bitsAllocated }, (_, raw) => hounsfield(raw));
});

/** The fault of every word that Bits Allocated can hold. */
export const faultTable = tableFor((pixels: PixelModule) => {
  const fault = faultOf(pixels);
  return Uint8Array.from({ length: 2 ** pixels.bitsAllocated }, (_, raw) => fault(raw));
});

/** The slices of a series share their pixel module, and a table is much faster than arithmetic per pixel. */
function tableFor<Table>(make: (pixels: PixelModule) => Table): (pixels: PixelModule) => Table {
  let last: { readonly module: string; readonly table: Table } | null = null;
  return (pixels) => {
    const module = JSON.stringify(pixels);
    if (last?.module !== module) last = { module, table: make(pixels) };
    return last.table;
  };
}

function hounsfieldOf(pixels: PixelModule): (raw: number) => number {
  const rescaled = rescaleOf(pixels);
  return (raw) => {
    const hu = rescaled(storedValue(raw, pixels));
    return isMasked(raw, pixels, rescaled) ? PADDING_HU : hu;
  };
}

/** Stored value → Hounsfield units. */
function rescaleOf(pixels: PixelModule): (value: number) => number {
  const wrapped = !pixels.signed && pixels.bitsStored === 12 && pixels.rescaleIntercept > -100;
  const [slope, intercept] = [pixels.rescaleSlope, wrapped ? -1000 : pixels.rescaleIntercept];
  const inverted = pixels.photometricInterpretation === 'MONOCHROME1' ? inversion(pixels) : null;
  return (value) => {
    const upright = inverted === null ? value : inverted - value;
    const repaired = wrapped ? (upright + 1000) % 4096 : upright;
    return Math.min(HIGHEST, Math.max(LOWEST, roundHalfToEven(repaired * slope + intercept)));
  };
}

/** Padding: the stored value or, where padding does not fit into the stored bits, the whole word. */
function isMasked(raw: number, pixels: PixelModule, rescaled: (value: number) => number): boolean {
  if (pixels.padding === null) return false;
  return [storedValue(raw, pixels), wholeWord(raw, pixels)].some(
    (value) => isPadding(value, pixels.padding) && rescaled(value) < MASKED_BELOW_HU,
  );
}

/** What a pixel may be beside a value in Hounsfield units. */
export const FAULT = { none: 0, strayBits: 1, paddedTissue: 2 } as const;

/** Why the header cannot be believed of a word. @returns a value of {@link FAULT} */
export function faultOf(pixels: PixelModule): (raw: number) => number {
  const rescaled = rescaleOf(pixels);
  return (raw) => {
    if (isMasked(raw, pixels, rescaled)) return FAULT.none;
    if (hasStrayBits(raw, pixels)) return FAULT.strayBits;
    return isPadding(storedValue(raw, pixels), pixels.padding) ? FAULT.paddedTissue : FAULT.none;
  };
}

/**
 * MONOCHROME1 says how to show, not what is stored: for CT with a rescale to HU the values are HU already. Only a series
 * without a rescale of its own (slope 1, intercept 0) is turned round within its stored range.
 */
function inversion({ rescaleSlope, rescaleIntercept, bitsStored, signed }: PixelModule): number | null {
  if (rescaleSlope !== 1 || rescaleIntercept !== 0) return null;
  return signed ? -1 : 2 ** bitsStored - 1;
}

const isPadding = (value: number, padding: readonly [number, number] | null): boolean =>
  padding !== null && value >= padding[0] && value <= padding[1];

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
