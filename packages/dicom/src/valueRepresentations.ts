/** Value representations (PS3.5 §6.2) as far as their coding goes (§7.1.2). */

/** Their length field has 16 bits in Explicit VR. */
const SHORT = 'AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' ');
/** Two reserved bytes, then a length field of 32 bits (table 7.1-1). */
const LONG = 'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' ');

const codeOf = (vr: string): number => (vr.charCodeAt(0) << 8) | vr.charCodeAt(1);
const BY_CODE: ReadonlyMap<number, string> = new Map([...SHORT, ...LONG].map((vr) => [codeOf(vr), vr]));
const LONG_SET: ReadonlySet<string> = new Set(LONG);

/** @param code its two characters as a big-endian number. @returns null for one that is not in the table */
export const vrOf = (code: number): string | null => BY_CODE.get(code) ?? null;

/**
 * Whether the length field has 32 bits. Two capital letters that are not in the table are a VR of a later edition, and those
 * have (§7.1.2); anything else, as `??` or blanks, stands where some writers know no VR, and they write 16 bits.
 */
export function hasLongLength(code: number): boolean {
  const vr = vrOf(code);
  return vr === null ? isCapital(code >> 8) && isCapital(code & 0xff) : LONG_SET.has(vr);
}

const isCapital = (character: number): boolean => character >= 0x41 && character <= 0x5a;

/** Values in fragments when their length is undefined (§A.4). */
export const OTHER_VRS: ReadonlySet<string> = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW']);
/** Text whose characters Specific Character Set tells (§6.1.2.3). */
export const CHARACTER_SET_VRS: ReadonlySet<string> = new Set(['SH', 'LO', 'ST', 'LT', 'PN', 'UC', 'UT']);
/** One value, in which a backslash is a backslash (§6.2). */
export const SINGLE_VALUE_VRS: ReadonlySet<string> = new Set(['ST', 'LT', 'UT', 'UR']);
