/**
 * Reading DICOM datasets as they came (sole importer of dicom-parser and dicom-character-set).
 *
 * Tolerant when reading: unknown and private elements are skipped, text is decoded by Specific Character Set. Every
 * fault of the bytes, however odd, is an {@link IchorError}: never another exception, never a stack overflow.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { convertBytes } from 'dicom-character-set';
import dicomParser, { type DataSet, type Element } from 'dicom-parser';
import { IchorError, reasonOf } from '../errors.ts';

/** A tag as `x` and eight lower-case hexadecimal digits, e.g. `x00100010`. */
export type Tag = `x${string}`;

/** The package exports its DataSet class, but its types do not say so. */
const { DataSet: DataSetOf } = dicomParser as unknown as {
  DataSet: new (parser: unknown, bytes: Uint8Array, elements: Record<string, Element>) => DataSet;
};

const PIXEL_DATA: Tag = 'x7fe00010';
const DEFLATED = '1.2.840.10008.1.2.1.99';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const IMPLICIT = '1.2.840.10008.1.2';
const INFLATED_LIMIT_BYTES = 2 ** 31 - 1;

/** Value representations of the binary elements that we read, for implicit VR (PS3.6). */
const BINARY_VR: Readonly<Record<Tag, string>> = {
  x00280002: 'US', // Samples per Pixel
  x00280006: 'US', // Planar Configuration
  x00280010: 'US', // Rows
  x00280011: 'US', // Columns
  x00280100: 'US', // Bits Allocated
  x00280101: 'US', // Bits Stored
  x00280102: 'US', // High Bit
  x00280103: 'US', // Pixel Representation
};

/** Pixel Data as it lies in the dataset: one native value, or the fragments of an encapsulated one (PS3.5 §A.4). */
export type PixelData =
  | { readonly kind: 'native'; readonly bytes: Uint8Array; readonly declaredLength: number }
  | {
      readonly kind: 'encapsulated';
      readonly fragments: readonly Fragment[];
      readonly basicOffsetTable: readonly number[];
    };

/** A fragment and its byte offset from the first fragment's item tag, as the Basic Offset Table counts. */
export type Fragment = { readonly offset: number; readonly bytes: Uint8Array };

export type Dataset = {
  /** First value as text, decoded and trimmed; null when absent or empty. */
  text(tag: Tag): string | null;
  texts(tag: Tag): string[];
  /** First value as number, from text (DS, IS) or binary by its VR; null when absent or no number. */
  number(tag: Tag, implicitVr?: string): number | null;
  numbers(tag: Tag, implicitVr?: string): number[];
  /** Items of a sequence; empty when absent. */
  items(tag: Tag): Dataset[];
  has(tag: Tag): boolean;
  /** Null when there is none. @throws IchorError DATASET_UNREADABLE when encapsulated and broken */
  pixelData(): PixelData | null;
};

/**
 * Reads a dataset up to Pixel Data; Pixel Data itself stays where it is.
 * @param bytes the dataset without preamble and file meta information
 * @throws IchorError DATASET_UNREADABLE
 */
export function parseDataset(bytes: Uint8Array, transferSyntaxUid: string): Dataset {
  try {
    const plain =
      transferSyntaxUid === DEFLATED ? inflateRawSync(bytes, { maxOutputLength: INFLATED_LIMIT_BYTES }) : bytes;
    return view(parsed(plain, transferSyntaxUid), transferSyntaxUid, []);
  } catch (thrown) {
    throw unreadable(thrown);
  }
}

/**
 * What can be read of a dataset that is broken or cut off: the elements before the fault. Values may still be unreadable.
 * @param bytes a dataset, or its first kilobytes
 */
export function parseReadable(bytes: Uint8Array, transferSyntaxUid: string): Dataset {
  const plain = transferSyntaxUid === DEFLATED ? inflatedHead(bytes) : bytes;
  const dataSet = new DataSetOf(parserFor(transferSyntaxUid), plain, {});
  try {
    parseInto(dataSet, plain, transferSyntaxUid);
  } catch {}
  return view(dataSet, transferSyntaxUid, []);
}

/** Deflate expands a byte to a thousand at most. */
const DEFLATED_HEAD_BYTES = 4_096;

function inflatedHead(bytes: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(bytes.subarray(0, DEFLATED_HEAD_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return new Uint8Array();
  }
}

/** A Part 10 file: its meta information (PS3.10 §7.1) and its dataset. */
export type Part10 = {
  readonly transferSyntaxUid: string;
  readonly sopClassUid: string | null;
  readonly sopInstanceUid: string | null;
  readonly callingAeTitle: string | null;
  /** Byte offset of the dataset in the file. */
  readonly datasetOffset: number;
  readonly dataset: Dataset;
};

/** @throws IchorError NOT_DICOM, DATASET_UNREADABLE. @param path only for messages */
export function readPart10(bytes: Uint8Array, path: string): Part10 {
  const meta = readMeta(bytes, path);
  return { ...meta, dataset: parseDataset(bytes.subarray(meta.datasetOffset), meta.transferSyntaxUid) };
}

/** The file meta information alone. @throws IchorError NOT_DICOM */
export function readMeta(bytes: Uint8Array, path: string): Omit<Part10, 'dataset'> {
  if (bytes.length < 132 || String.fromCharCode(...bytes.subarray(128, 132)) !== 'DICM') {
    throw new IchorError('NOT_DICOM', { path, reason: 'it does not begin with a preamble and DICM' });
  }
  try {
    return metaOf(bytes);
  } catch (thrown) {
    throw new IchorError('NOT_DICOM', {
      path,
      reason: `its file meta information cannot be read (${reasonOf(thrown)})`,
    });
  }
}

function metaOf(bytes: Uint8Array): Omit<Part10, 'dataset'> {
  const stream = new dicomParser.ByteStream(dicomParser.littleEndianByteArrayParser, bytes, 132);
  const elements: Record<string, Element> = {};
  let datasetOffset = stream.position;
  while (stream.position + 8 <= bytes.length && stream.byteArrayParser.readUint16(bytes, stream.position) === 2) {
    const element = dicomParser.readDicomElementExplicit(stream, []);
    elements[element.tag] = element;
    datasetOffset = stream.position;
  }
  const meta = new DataSetOf(dicomParser.littleEndianByteArrayParser, bytes, elements);
  const uid = (tag: Tag) => meta.string(tag) ?? null;
  const transferSyntaxUid = uid('x00020010');
  if (transferSyntaxUid === null) throw new Error('no Transfer Syntax UID');
  return {
    transferSyntaxUid,
    sopClassUid: uid('x00020002'),
    sopInstanceUid: uid('x00020003'),
    callingAeTitle: uid('x00020016'),
    datasetOffset,
  };
}

function parsed(bytes: Uint8Array, transferSyntaxUid: string): DataSet {
  const dataSet = new DataSetOf(parserFor(transferSyntaxUid), bytes, {});
  parseInto(dataSet, bytes, transferSyntaxUid);
  return dataSet;
}

const parserFor = (transferSyntaxUid: string) =>
  transferSyntaxUid === BIG_ENDIAN ? dicomParser.bigEndianByteArrayParser : dicomParser.littleEndianByteArrayParser;

function parseInto(dataSet: DataSet, bytes: Uint8Array, transferSyntaxUid: string): void {
  const stream = new dicomParser.ByteStream(parserFor(transferSyntaxUid), bytes, 0);
  const parse =
    transferSyntaxUid === IMPLICIT ? dicomParser.parseDicomDataSetImplicit : dicomParser.parseDicomDataSetExplicit;
  parse(dataSet, stream, bytes.length, { untilTag: PIXEL_DATA });
}

function view(dataSet: DataSet, transferSyntaxUid: string, inheritedCharacterSets: readonly string[]): Dataset {
  const own = dataSet.elements['x00080005'] === undefined ? null : (dataSet.string('x00080005') ?? '').split('\\');
  const characterSets = own ?? inheritedCharacterSets;
  const texts = (tag: Tag): string[] => {
    const element = dataSet.elements[tag];
    if (element === undefined || element.length === 0 || element.items !== undefined) return [];
    return decoded(bytesOf(dataSet, element), characterSets, element.vr).split('\\').map(trimmed);
  };
  const numbers = (tag: Tag, implicitVr?: string): number[] => {
    const element = dataSet.elements[tag];
    if (element === undefined || element.length === 0) return [];
    // UN: an archive that did not know the element; it is little endian then (PS3.5 §6.2.2).
    const vr = element.vr === 'UN' ? undefined : element.vr;
    const read = BINARY_READERS[vr ?? implicitVr ?? BINARY_VR[tag] ?? ''];
    if (read === undefined) return texts(tag).map((text) => (text === '' ? Number.NaN : Number(text)));
    return Array.from({ length: Math.floor(element.length / read.bytes) }, (_, index) =>
      read.value(dataSet, tag, index),
    );
  };
  return {
    texts,
    numbers,
    text: (tag) => texts(tag)[0] || null,
    number(tag, implicitVr) {
      const value = numbers(tag, implicitVr)[0];
      return value === undefined || !Number.isFinite(value) ? null : value;
    },
    items: (tag) =>
      (dataSet.elements[tag]?.items ?? []).flatMap((item) =>
        item.dataSet ? [view(item.dataSet, transferSyntaxUid, characterSets)] : [],
      ),
    has: (tag) => dataSet.elements[tag] !== undefined,
    pixelData: () => pixelDataOf(dataSet),
  };
}

const BINARY_READERS: Readonly<
  Record<string, { bytes: number; value(dataSet: DataSet, tag: Tag, index: number): number }>
> = {
  US: { bytes: 2, value: (dataSet, tag, index) => dataSet.uint16(tag, index) ?? Number.NaN },
  SS: { bytes: 2, value: (dataSet, tag, index) => dataSet.int16(tag, index) ?? Number.NaN },
  UL: { bytes: 4, value: (dataSet, tag, index) => dataSet.uint32(tag, index) ?? Number.NaN },
  SL: { bytes: 4, value: (dataSet, tag, index) => dataSet.int32(tag, index) ?? Number.NaN },
  FL: { bytes: 4, value: (dataSet, tag, index) => dataSet.float(tag, index) ?? Number.NaN },
  FD: { bytes: 8, value: (dataSet, tag, index) => dataSet.double(tag, index) ?? Number.NaN },
};

function bytesOf(dataSet: DataSet, element: Element): Uint8Array {
  const bytes = dataSet.byteArray as Uint8Array;
  if (element.dataOffset + element.length > bytes.length)
    throw new IchorError('DATASET_UNREADABLE', { reason: `element ${element.tag} ends beyond the data` });
  return bytes.subarray(element.dataOffset, element.dataOffset + element.length);
}

const CHARSET_VRS = new Set(['SH', 'LO', 'ST', 'LT', 'PN', 'UC', 'UT']);

function decoded(bytes: Uint8Array, characterSets: readonly string[], vr: string | undefined): string {
  const isText = vr === undefined || CHARSET_VRS.has(vr);
  if (!isText || characterSets.every((set) => set === '' || set === 'ISO_IR 6'))
    return Buffer.from(bytes).toString('latin1');
  try {
    return convertBytes(characterSets.join('\\'), bytes, { vr: vr ?? 'LO' });
  } catch {
    return Buffer.from(bytes).toString('latin1');
  }
}

const trimmed = (text: string): string => text.replaceAll(/^[ ]+|[ \0]+$/g, '');

function pixelDataOf(dataSet: DataSet): PixelData | null {
  const element = dataSet.elements[PIXEL_DATA];
  if (element === undefined) return null;
  const bytes = dataSet.byteArray as Uint8Array;
  if (!element.hadUndefinedLength && element.length !== 0xffffffff) {
    return {
      kind: 'native',
      bytes: bytes.subarray(element.dataOffset, element.dataOffset + element.length),
      declaredLength: element.length,
    };
  }
  try {
    return encapsulated(bytes, element.dataOffset);
  } catch (thrown) {
    throw unreadable(thrown);
  }
}

/** Items up to the Sequence Delimitation Item; the first one is the Basic Offset Table (PS3.5 §A.4). */
function encapsulated(bytes: Uint8Array, start: number): PixelData {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: Fragment[] = [];
  let firstFragment = 0;
  for (let position = start; ; ) {
    if (position + 8 > bytes.length) throw new Error('encapsulated Pixel Data ends without its delimiter');
    const [group, element, length] = [
      data.getUint16(position, true),
      data.getUint16(position + 2, true),
      data.getUint32(position + 4, true),
    ];
    if (group === 0xfffe && element === 0xe0dd) break;
    if (group !== 0xfffe || element !== 0xe000)
      throw new Error('encapsulated Pixel Data holds something that is no item');
    if (position + 8 + length > bytes.length) throw new Error('a fragment ends beyond the data');
    if (items.length === 1) firstFragment = position;
    items.push({ offset: position - firstFragment, bytes: bytes.subarray(position + 8, position + 8 + length) });
    position += 8 + length;
  }
  const [table, ...fragments] = items;
  if (table === undefined) throw new Error('encapsulated Pixel Data has no Basic Offset Table item');
  const offsets = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength);
  return {
    kind: 'encapsulated',
    fragments,
    basicOffsetTable: Array.from({ length: Math.floor(table.bytes.length / 4) }, (_, index) =>
      offsets.getUint32(index * 4, true),
    ),
  };
}

function unreadable(thrown: unknown): IchorError {
  if (thrown instanceof IchorError) return thrown;
  const inner =
    typeof thrown === 'object' && thrown !== null && 'exception' in thrown
      ? (thrown as { exception: unknown }).exception
      : thrown;
  const reason =
    inner instanceof RangeError
      ? 'its sequences are nested too deeply or its lengths are out of range'
      : reasonOf(inner);
  return new IchorError('DATASET_UNREADABLE', { reason }, thrown);
}
