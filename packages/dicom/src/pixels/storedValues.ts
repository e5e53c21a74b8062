/** What a word of Pixel Data holds: the stored value in its bits, and what else may lie beside it (PS3.5 §8.1.1). Pure. */

/** The attributes that say where in a word the stored value lies. */
export type WordFormat = {
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  /** Bits outside the stored ones that hold overlays (PS3.3 C.9.2, retired), as a mask. */
  readonly overlayBits: number;
};

/** The stored value: what lies above High Bit is no pixel, and the sign is extended from High Bit. */
export function storedValue(raw: number, { bitsStored, highBit, signed }: WordFormat): number {
  const moved = (raw >>> (highBit + 1 - bitsStored)) << (32 - bitsStored);
  return signed ? moved >> (32 - bitsStored) : moved >>> (32 - bitsStored);
}

/** The whole word as a number: a padding value need not fit into the stored bits. */
export function wholeWord(raw: number, { bitsAllocated, signed }: WordFormat): number {
  const moved = raw << (32 - bitsAllocated);
  return signed ? moved >> (32 - bitsAllocated) : moved >>> (32 - bitsAllocated);
}

/** The bits of a word that hold the stored value, as a mask. */
export const storedBits = ({ bitsStored, highBit }: Pick<WordFormat, 'bitsStored' | 'highBit'>): number =>
  ((2 ** bitsStored - 1) * 2 ** (highBit + 1 - bitsStored)) & 0xffff;

/**
 * Whether a word has something outside the stored bits that no header announces: then the pixels use more bits, or another
 * sign, than they are said to. Zeros, a repeated sign and overlays are announced.
 */
export function hasStrayBits(raw: number, format: WordFormat): boolean {
  const stray = ~(storedBits(format) | format.overlayBits) & (2 ** format.bitsAllocated - 1);
  if ((raw & stray) === 0) return false;
  const above = stray & ~(2 ** (format.highBit + 1) - 1);
  const isNegative = format.signed && storedValue(raw, format) < 0;
  return !(isNegative && (raw & stray) === above);
}
