/** Stored values → Hounsfield units (PS3.3 C.11.1.1.2, C.7.6.3.1). Pure. */

export type PixelModule = {
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  readonly photometricInterpretation: string;
  readonly rescaleSlope: number;
  readonly rescaleIntercept: number;
  /** Pixel Padding Value and Range Limit, as stored; null when absent. */
  readonly padding: readonly [number, number] | null;
};

/** What lies outside the reconstruction is air. */
const PADDING_HU = -1024;
const [LOWEST, HIGHEST] = [-32768, 32767];

/**
 * Exactly: value × slope + intercept in double precision, rounded half to even, limited to int16; padding becomes −1024.
 * A known defect is repaired as in the reference (paper's data set): 12-bit unsigned values whose intercept is above −100
 * are signed values that wrapped; 1000 is added, 4096 and above wrap, and the intercept becomes −1000.
 * @param bytes little endian, one frame. @returns int16 [rows × columns]
 */
export function toHounsfield(bytes: Uint8Array, pixels: PixelModule): Int16Array {
  const words = wordsOf(bytes, pixels);
  const out = new Int16Array(words.length);
  const table = words.length < 2 ** pixels.bitsAllocated ? null : tableOf(pixels);
  const hounsfield = hounsfieldOf(pixels);
  for (let index = 0; index < words.length; index++)
    out[index] = table === null ? hounsfield(words[index]!) : table[words[index]!]!;
  return out;
}

/** A value of odd length anywhere before Pixel Data puts it at an odd offset; the `slice` of a Buffer would not copy. */
function wordsOf(bytes: Uint8Array, { bitsAllocated }: PixelModule): Uint8Array | Uint16Array {
  if (bitsAllocated === 8) return bytes;
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 1);
}

/** The slices of a series share their pixel module, and a table is much faster than arithmetic per pixel. */
let last: { readonly module: string; readonly table: Int16Array } | null = null;

/** The Hounsfield unit of every word that Bits Allocated can hold. */
function tableOf(pixels: PixelModule): Int16Array {
  const module = JSON.stringify(pixels);
  if (last?.module === module) return last.table;
  const hounsfield = hounsfieldOf(pixels);
  const table = Int16Array.from({ length: 2 ** pixels.bitsAllocated }, (_, raw) => hounsfield(raw));
  last = { module, table };
  return table;
}

function hounsfieldOf(pixels: PixelModule): (raw: number) => number {
  const wrapped = !pixels.signed && pixels.bitsStored === 12 && pixels.rescaleIntercept > -100;
  const [slope, intercept] = [pixels.rescaleSlope, wrapped ? -1000 : pixels.rescaleIntercept];
  const inverted = pixels.photometricInterpretation === 'MONOCHROME1' ? inversion(pixels) : null;
  return (raw) => {
    const value = storedValue(raw, pixels);
    if (isPadding(value, pixels.padding)) return PADDING_HU;
    const upright = inverted === null ? value : inverted - value;
    const repaired = wrapped ? (upright + 1000) % 4096 : upright;
    return Math.min(HIGHEST, Math.max(LOWEST, roundHalfToEven(repaired * slope + intercept)));
  };
}

/** Bits Stored below Bits Allocated: what lies above High Bit is no pixel, and the sign is extended from High Bit. */
function storedValue(raw: number, { bitsStored, highBit, signed }: PixelModule): number {
  const moved = (raw >>> (highBit + 1 - bitsStored)) << (32 - bitsStored);
  return signed ? moved >> (32 - bitsStored) : moved >>> (32 - bitsStored);
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
