/**
 * Explicit VR Little Endian → Implicit VR Little Endian (PS3.5 §7.1, Annex A.1 and A.2): every value stays byte for byte, only
 * the heads of the elements change. Group lengths (gggg,0000) are left out, since they would be wrong and are retired (§7.2).
 */

/** VRs whose length field has 32 bits after two reserved bytes (PS3.5 Table 7.1-1). */
const LONG_FORM = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const UNDEFINED = 0xffffffff;
const [ITEM, ITEM_END, SEQUENCE_END] = [0xfffee000, 0xfffee00d, 0xfffee0dd];
const MOST_NESTED = 100;

type Head = { readonly tag: number; readonly vr: string; readonly length: number; readonly valueAt: number };

/**
 * @param dataset a dataset in Explicit VR Little Endian with native Pixel Data, without preamble and file meta information
 * @throws Error when it is none: an element ends beyond the data, or sequences are nested too deeply
 */
export function toImplicitVr(dataset: Buffer): Buffer {
  const out: Buffer[] = [];
  elements(dataset, { at: 0, end: dataset.length, explicit: true, depth: 0 }, out);
  return Buffer.concat(out);
}

type Span = { readonly at: number; readonly end: number; readonly explicit: boolean; readonly depth: number };

/** Converts elements until `end` or, in an item of undefined length, its delimiter. @returns where they end */
function elements(bytes: Buffer, { at, end, explicit, depth }: Span, out: Buffer[]): number {
  if (depth > MOST_NESTED) throw new Error(`sequences are nested more than ${MOST_NESTED} deep`);
  let position = at;
  while (position < end) {
    const head = headAt(bytes, position, explicit);
    if (head.tag === ITEM_END) return position;
    position = element(bytes, head, { at: head.valueAt, end, explicit, depth }, out);
  }
  return position;
}

function element(bytes: Buffer, head: Head, span: Span, out: Buffer[]): number {
  const isSequence = head.vr === 'SQ' || head.length === UNDEFINED;
  if (!isSequence) {
    const end = head.valueAt + head.length;
    if (end > span.end) throw new Error(`element ${tagName(head.tag)} ends beyond the data`);
    if ((head.tag & 0xffff) !== 0) out.push(implicitHead(head.tag, head.length), bytes.subarray(head.valueAt, end));
    return end;
  }
  const value: Buffer[] = [];
  /** The items of UN of undefined length are in Implicit VR already (PS3.5 §6.2.2, note 2). */
  const end = items(bytes, head, { ...span, explicit: span.explicit && head.vr !== 'UN' }, value);
  out.push(implicitHead(head.tag, head.length === UNDEFINED ? UNDEFINED : sizeOf(value)), ...value);
  return end;
}

function items(bytes: Buffer, head: Head, span: Span, out: Buffer[]): number {
  const end = head.length === UNDEFINED ? span.end : head.valueAt + head.length;
  if (end > span.end) throw new Error(`sequence ${tagName(head.tag)} ends beyond the data`);
  let position = head.valueAt;
  while (position < end) {
    const item = headAt(bytes, position, false);
    if (item.tag === SEQUENCE_END && head.length === UNDEFINED) {
      out.push(implicitHead(SEQUENCE_END, 0));
      return item.valueAt;
    }
    if (item.tag !== ITEM) throw new Error(`sequence ${tagName(head.tag)} holds something that is no item`);
    position = itemOf(bytes, item, { ...span, end, depth: span.depth + 1 }, out);
  }
  if (head.length === UNDEFINED) throw new Error(`sequence ${tagName(head.tag)} ends without its delimiter`);
  return position;
}

function itemOf(bytes: Buffer, item: Head, span: Span, out: Buffer[]): number {
  const undefinedLength = item.length === UNDEFINED;
  const end = undefinedLength ? span.end : item.valueAt + item.length;
  if (end > span.end) throw new Error('an item ends beyond the data');
  const value: Buffer[] = [];
  const stopped = elements(bytes, { ...span, at: item.valueAt, end }, value);
  out.push(implicitHead(ITEM, undefinedLength ? UNDEFINED : sizeOf(value)), ...value);
  if (!undefinedLength) return end;
  if (stopped >= end) throw new Error('an item ends without its delimiter');
  out.push(implicitHead(ITEM_END, 0));
  return stopped + 8;
}

function headAt(bytes: Buffer, at: number, explicit: boolean): Head {
  if (at + 8 > bytes.length) throw new Error('an element ends beyond the data');
  const tag = bytes.readUInt16LE(at) * 0x10000 + bytes.readUInt16LE(at + 2);
  if (!explicit || tag >= ITEM) return { tag, vr: '', length: bytes.readUInt32LE(at + 4), valueAt: at + 8 };
  const vr = bytes.toString('latin1', at + 4, at + 6);
  if (!LONG_FORM.has(vr)) return { tag, vr, length: bytes.readUInt16LE(at + 6), valueAt: at + 8 };
  if (at + 12 > bytes.length) throw new Error(`element ${tagName(tag)} ends beyond the data`);
  return { tag, vr, length: bytes.readUInt32LE(at + 8), valueAt: at + 12 };
}

function implicitHead(tag: number, length: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.writeUInt32LE(length, 4);
  return head;
}

const tagName = (tag: number): string =>
  `(${tag
    .toString(16)
    .padStart(8, '0')
    .replace(/^(.{4})/, '$1,')})`;
const sizeOf = (pieces: readonly Buffer[]): number => pieces.reduce((total, piece) => total + piece.length, 0);
