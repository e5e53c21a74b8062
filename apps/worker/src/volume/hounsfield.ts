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
  const stored = storedValues(bytes, pixels);
  const wrapped = !pixels.signed && pixels.bitsStored === 12 && pixels.rescaleIntercept > -100;
  const [slope, intercept] = [pixels.rescaleSlope, wrapped ? -1000 : pixels.rescaleIntercept];
  const inverted = pixels.photometricInterpretation === 'MONOCHROME1' ? inversion(pixels) : null;
  const out = new Int16Array(stored.length);
  for (let index = 0; index < stored.length; index++) {
    const value = stored[index]!;
    if (isPadding(value, pixels.padding)) {
      out[index] = PADDING_HU;
      continue;
    }
    const upright = inverted === null ? value : inverted - value;
    const repaired = wrapped ? (upright + 1000) % 4096 : upright;
    out[index] = Math.min(HIGHEST, Math.max(LOWEST, roundHalfToEven(repaired * slope + intercept)));
  }
  return out;
}

/** Bits Stored below Bits Allocated: what lies above High Bit is no pixel, and the sign is extended from High Bit. */
function storedValues(bytes: Uint8Array, { bitsAllocated, bitsStored, highBit, signed }: PixelModule): Int32Array {
  const count = bytes.length / (bitsAllocated / 8);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Int32Array(count);
  const drop = highBit + 1 - bitsStored;
  for (let index = 0; index < count; index++) {
    const raw = bitsAllocated === 16 ? data.getUint16(index * 2, true) : bytes[index]!;
    const moved = (raw >>> drop) << (32 - bitsStored);
    out[index] = signed ? moved >> (32 - bitsStored) : moved >>> (32 - bitsStored);
  }
  return out;
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
