/** The heads of data elements and of items as they are written (PS3.5 §7.1, §7.5), in any of the codings. Pure. */

import { IchorError } from '@ichor/shared/errors';
import type { ByteSource } from './byteSource.ts';
import { TRANSFER_SYNTAX } from './transferSyntaxes.ts';
import { hasLongLength, vrOf } from './valueRepresentations.ts';

export type Coding = { readonly explicit: boolean; readonly littleEndian: boolean };

export const EXPLICIT_LITTLE_ENDIAN: Coding = { explicit: true, littleEndian: true };
const EXPLICIT_BIG_ENDIAN: Coding = { explicit: true, littleEndian: false };
export const IMPLICIT_LITTLE_ENDIAN: Coding = { explicit: false, littleEndian: true };

/** Annex A: all but two transfer syntaxes are Explicit VR Little Endian. */
export function codingOf(transferSyntaxUid: string): Coding {
  if (transferSyntaxUid === TRANSFER_SYNTAX.implicitLittleEndian) return IMPLICIT_LITTLE_ENDIAN;
  return transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian ? EXPLICIT_BIG_ENDIAN : EXPLICIT_LITTLE_ENDIAN;
}

export const PIXEL_DATA = 0x7fe00010;
export const [ITEM, ITEM_END, SEQUENCE_END] = [0xfffee000, 0xfffee00d, 0xfffee0dd];
export const UNDEFINED_LENGTH = 0xffffffff;

export type Header = {
  /** Group × 65536 + element. */
  readonly tag: number;
  /** Null in Implicit VR, and for one that is not in the table. */
  readonly vr: string | null;
  /** Of the value. */
  readonly start: number;
  /** As it is written: {@link UNDEFINED_LENGTH} for a value that its delimiter ends. */
  readonly length: number;
  /** UN, and what is not in the table. */
  readonly isUnknown: boolean;
};

/** @throws IchorError DATASET_UNREADABLE */
export function headerAt(
  source: ByteSource,
  position: number,
  end: number,
  { explicit, littleEndian }: Coding,
): Header {
  if (position + 8 > end) throw unreadable('it ends within the header of an element');
  const tag = tagAt(source, position, littleEndian);
  if (tag >>> 16 === 0xfffe) throw unreadable(`${tagText(tag)} stands where an element is due`);
  if (!explicit)
    return { tag, vr: null, start: position + 8, length: uint32(source, position + 4, true), isUnknown: false };
  const code = (source.byte(position + 4) << 8) | source.byte(position + 5);
  const vr = vrOf(code);
  const isUnknown = vr === null || vr === 'UN';
  if (!hasLongLength(code))
    return { tag, vr, start: position + 8, length: uint16(source, position + 6, littleEndian), isUnknown };
  if (position + 12 > end) throw unreadable(`it ends within the header of element ${tagText(tag)}`);
  return { tag, vr, start: position + 12, length: uint32(source, position + 8, littleEndian), isUnknown };
}

export function delimiterAt(
  source: ByteSource,
  position: number,
  end: number,
  { littleEndian }: Coding,
): number | null {
  if (position + 8 > end || source.byte(littleEndian ? position + 1 : position) !== 0xff) return null;
  const tag = tagAt(source, position, littleEndian);
  return tag === ITEM_END || tag === SEQUENCE_END ? tag : null;
}

/** In Implicit VR it must be seen; pixels, overlays and private bytes may look like it. */
export function isSequence(source: ByteSource, { tag, vr, start, length }: Header, coding: Coding): boolean {
  if (coding.explicit) return vr === 'SQ';
  const group = tag >>> 16;
  const isBulk = group >= 0x5000 || group % 2 === 1;
  return (!isBulk || group === 0x5200) && beginsWithItem(source, start, start + length, true);
}

export const beginsWithItem = (source: ByteSource, start: number, end: number, littleEndian: boolean): boolean =>
  start + 8 <= end && tagAt(source, start, littleEndian) === ITEM;

export const uint16 = (source: ByteSource, position: number, littleEndian: boolean): number =>
  littleEndian
    ? source.byte(position) | (source.byte(position + 1) << 8)
    : (source.byte(position) << 8) | source.byte(position + 1);

export const uint32 = (source: ByteSource, position: number, littleEndian: boolean): number =>
  littleEndian
    ? uint16(source, position, true) + uint16(source, position + 2, true) * 65_536
    : uint16(source, position, false) * 65_536 + uint16(source, position + 2, false);

export const tagAt = (source: ByteSource, position: number, littleEndian: boolean): number =>
  uint16(source, position, littleEndian) * 65_536 + uint16(source, position + 2, littleEndian);

/** As the standard writes a tag. */
export function tagText(tag: number): string {
  const digits = tag.toString(16).padStart(8, '0').toUpperCase();
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

export const unreadable = (reason: string): IchorError => new IchorError('DATASET_UNREADABLE', { reason });
