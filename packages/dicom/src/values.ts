/** Values of elements (PS3.5 §6): texts and numbers as they stand there, without their padding. Pure. */
import { decodeText } from './characterSets.ts';
import { implicitVrOf } from './keywords.ts';
import { CHARACTER_SET_VRS, SINGLE_VALUE_VRS } from './valueRepresentations.ts';
import type { Element } from './walkElements.ts';

/** @param characterSets values of Specific Character Set */
export function textsOf(bytes: Uint8Array, { tag, vr }: Element, characterSets: readonly string[]): string[] {
  const hasCharacterSet = vr === null || vr === 'UN' || CHARACTER_SET_VRS.has(vr);
  const isPersonName = (vr ?? implicitVrOf(tag)) === 'PN';
  const text = hasCharacterSet ? decodeText(bytes, characterSets, isPersonName ? 'PN' : (vr ?? 'LO')) : latin1(bytes);
  return (SINGLE_VALUE_VRS.has(vr ?? '') ? [text] : text.split('\\')).map(withoutPadding);
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** Blanks, and the NULs of those who pad with them. */
export function withoutPadding(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && isPadding(text.charCodeAt(from))) from++;
  while (to > from && isPadding(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

const isPadding = (character: number): boolean => character === 0x20 || character === 0;

/** DS and IS; NaN for anything else, so that a slip of a device becomes no other number. */
export const decimal = (text: string): number =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;

/** How to read a value as binary numbers; null for one that is text. @param implicitVr where the dataset tells no VR */
export function binaryReader(
  { tag, vr, coding }: Element,
  implicitVr: string | undefined,
): ((bytes: Uint8Array) => number[]) | null {
  const isUnknown = vr === null || vr === 'UN';
  const format = FORMATS[(isUnknown ? (implicitVr ?? implicitVrOf(tag)) : vr) ?? ''];
  if (format === undefined) return null;
  // UN: an archive that did not know the element wrote it in little endian (§6.2.2).
  const littleEndian = vr === 'UN' || coding.littleEndian;
  return (bytes) => {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: Math.floor(bytes.length / format.bytes) }, (_, index) =>
      format.read(data, index * format.bytes, littleEndian),
    );
  };
}

type Format = { readonly bytes: number; read(data: DataView, at: number, littleEndian: boolean): number };
const FORMATS: Readonly<Record<string, Format>> = {
  US: { bytes: 2, read: (data, at, littleEndian) => data.getUint16(at, littleEndian) },
  SS: { bytes: 2, read: (data, at, littleEndian) => data.getInt16(at, littleEndian) },
  UL: { bytes: 4, read: (data, at, littleEndian) => data.getUint32(at, littleEndian) },
  SL: { bytes: 4, read: (data, at, littleEndian) => data.getInt32(at, littleEndian) },
  UV: { bytes: 8, read: (data, at, littleEndian) => Number(data.getBigUint64(at, littleEndian)) },
  SV: { bytes: 8, read: (data, at, littleEndian) => Number(data.getBigInt64(at, littleEndian)) },
  FL: { bytes: 4, read: (data, at, littleEndian) => data.getFloat32(at, littleEndian) },
  FD: { bytes: 8, read: (data, at, littleEndian) => data.getFloat64(at, littleEndian) },
};
