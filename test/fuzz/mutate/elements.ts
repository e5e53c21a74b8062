/** Where the elements of a dataset lie (PS3.5 §7), found without the project's parsers. Tolerant: stops where it is lost. */

export type Encoding = 'implicit' | 'explicit' | 'big-endian';

export const encodingOf = (transferSyntaxUid: string): Encoding => {
  if (transferSyntaxUid === '1.2.840.10008.1.2') return 'implicit';
  return transferSyntaxUid === '1.2.840.10008.1.2.2' ? 'big-endian' : 'explicit';
};

/** Byte offsets; those of sequences and items are followed by what is in them. */
export type Place = {
  readonly at: number;
  readonly tag: number;
  readonly vr: string | null;
  readonly lengthAt: number;
  readonly lengthBytes: 2 | 4;
  readonly valueAt: number;
  readonly length: number;
};

export const UNDEFINED_LENGTH = 0xffffffff;
const LONG = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const ITEM_GROUP = 0xfffe;

export function elementsOf(bytes: Buffer, encoding: Encoding): Place[] {
  const places: Place[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const place = placeAt(bytes, at, encoding);
    if (place === null) break;
    places.push(place);
    at = entered(bytes, place) ? place.valueAt : place.valueAt + place.length;
  }
  return places;
}

function placeAt(bytes: Buffer, at: number, encoding: Encoding): Place | null {
  const [read16, read32] = readers(bytes, encoding);
  const tag = read16(at) * 65_536 + read16(at + 2);
  if (encoding === 'implicit' || read16(at) === ITEM_GROUP)
    return { at, tag, vr: null, lengthAt: at + 4, lengthBytes: 4, valueAt: at + 8, length: read32(at + 4) };
  const vr = bytes.toString('latin1', at + 4, at + 6);
  if (!/^[A-Z]{2}$/.test(vr)) return null;
  if (!LONG.has(vr)) return { at, tag, vr, lengthAt: at + 6, lengthBytes: 2, valueAt: at + 8, length: read16(at + 6) };
  if (at + 12 > bytes.length) return null;
  return { at, tag, vr, lengthAt: at + 8, lengthBytes: 4, valueAt: at + 12, length: read32(at + 8) };
}

function readers(bytes: Buffer, encoding: Encoding): readonly [(at: number) => number, (at: number) => number] {
  return encoding === 'big-endian'
    ? [(at) => bytes.readUInt16BE(at), (at) => bytes.readUInt32BE(at)]
    : [(at) => bytes.readUInt16LE(at), (at) => bytes.readUInt32LE(at)];
}

/** Items, sequences, and what has no length: their content is walked too. */
function entered(bytes: Buffer, { tag, vr, valueAt, length }: Place): boolean {
  if (tag >>> 16 === ITEM_GROUP) return true;
  const beginsWithItem = ['feff00e0', 'fffee000'].includes(bytes.toString('hex', valueAt, valueAt + 4));
  return vr === 'SQ' || length === UNDEFINED_LENGTH || (vr === null && beginsWithItem);
}

/** The first value of a tag as text; null when it is not there. */
export function textIn(bytes: Buffer, places: readonly Place[], tag: number): string | null {
  const place = places.find((one) => one.tag === tag);
  return place === undefined
    ? null
    : bytes.toString('latin1', place.valueAt, place.valueAt + place.length).replace(/[ \0]+$/, '');
}

/** One element. @param length what its length field says */
export function elementBytes(
  encoding: Encoding,
  tag: number,
  vr: string,
  value: Buffer,
  length = value.length,
): Buffer {
  const head = Buffer.alloc(encoding !== 'implicit' && LONG.has(vr) ? 12 : 8);
  writeNumber(head, encoding, 0, 2, tag >>> 16);
  writeNumber(head, encoding, 2, 2, tag & 0xffff);
  if (encoding !== 'implicit' && tag >>> 16 !== ITEM_GROUP) head.write(vr, 4, 'latin1');
  const short = encoding !== 'implicit' && !LONG.has(vr) && tag >>> 16 !== ITEM_GROUP;
  writeNumber(head, encoding, short ? 6 : head.length - 4, short ? 2 : 4, length);
  return Buffer.concat([head, value]);
}

/** Writes the low bits of a number in the encoding's byte order. */
export function writeNumber(bytes: Buffer, encoding: Encoding, at: number, width: 2 | 4, value: number): void {
  if (at + width > bytes.length) return;
  const [low16, low32] = [value & 0xffff, value >>> 0];
  if (encoding === 'big-endian') width === 2 ? bytes.writeUInt16BE(low16, at) : bytes.writeUInt32BE(low32, at);
  else width === 2 ? bytes.writeUInt16LE(low16, at) : bytes.writeUInt32LE(low32, at);
}
