/** Reading Part 10 files (PS3.10 §7.1). */
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { FileReader, FileReference } from '@ichor/shared/files';
import { byteSource } from './byteSource.ts';
import { type Dataset, parseDataset, readDataset } from './dataset.ts';
import { EXPLICIT_LITTLE_ENDIAN, uint16 } from './elementHeader.ts';
import { readElement } from './elements.ts';
import { DEFLATED } from './inflate.ts';
import { textsOf } from './values.ts';
import type { Element } from './walkElements.ts';

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
    const inner = thrown instanceof IchorError ? thrown.facts['reason'] : reasonOf(thrown);
    throw new IchorError('NOT_DICOM', { path, reason: `its file meta information cannot be read (${inner})` });
  }
}

function metaOf(bytes: Uint8Array): Omit<Part10, 'dataset'> {
  const source = byteSource([bytes]);
  const elements = new Map<number, Element>();
  let datasetOffset = 132;
  while (datasetOffset + 8 <= bytes.length && uint16(source, datasetOffset, true) === 2) {
    const element = readElement(source, datasetOffset, EXPLICIT_LITTLE_ENDIAN);
    elements.set(element.tag, element);
    datasetOffset = element.next;
  }
  const text = (tag: number): string | null => {
    const element = elements.get(tag);
    return (element && textsOf(bytes.subarray(element.start, element.end), element, [])[0]) || null;
  };
  const transferSyntaxUid = text(0x00020010);
  if (transferSyntaxUid === null) throw new Error('no Transfer Syntax UID');
  return {
    transferSyntaxUid,
    sopClassUid: text(0x00020002),
    sopInstanceUid: text(0x00020003),
    callingAeTitle: text(0x00020016),
    datasetOffset,
  };
}

const FIRST_BYTES = 65_536;
/** What an image may have beside its Pixel Data. */
const MOST_OTHER_BYTES = 134_217_728;

/**
 * A file as far as Pixel Data: a little of it, and more only when Pixel Data lies further in.
 * @throws IchorError FILE_UNREADABLE, NOT_DICOM, DATASET_UNREADABLE
 */
export async function readPart10Head<Reference extends FileReference>(
  files: Pick<FileReader<Reference>, 'range' | 'stat'>,
  reference: Reference,
): Promise<Part10 & { readonly sizeBytes: number }> {
  const { sizeBytes } = await files.stat(reference);
  for (let length = FIRST_BYTES; ; length *= 8) {
    const bytes = await files.range(reference, 0, Math.min(length, sizeBytes));
    const head = await headIn(bytes, reference, length >= sizeBytes);
    if (head !== null) return { ...head, sizeBytes };
  }
}

/** @returns null when it takes more of the file */
async function headIn(bytes: Buffer, path: string, isAll: boolean): Promise<Part10 | null> {
  const meta = readMeta(bytes, path);
  if (isAll)
    return {
      ...meta,
      dataset: await readDataset([bytes.subarray(meta.datasetOffset)], meta.transferSyntaxUid, 'stop'),
    };
  if (meta.transferSyntaxUid === DEFLATED) return null;
  try {
    const dataset = parseDataset(bytes.subarray(meta.datasetOffset), meta.transferSyntaxUid);
    return dataset.has('PixelData') ? { ...meta, dataset } : null;
  } catch (error) {
    if (error instanceof IchorError) return null;
    throw error;
  }
}

/**
 * A whole file with its Pixel Data, inflated as far as a bound that the image's size gives.
 * @param pixelBytes what Pixel Data should hold at most. @throws IchorError NOT_DICOM, DATASET_UNREADABLE
 */
export async function readPart10Pixels(bytes: Uint8Array, path: string, pixelBytes: number): Promise<Part10> {
  const meta = readMeta(bytes, path);
  const limitBytes = pixelBytes + MOST_OTHER_BYTES;
  const dataset = await readDataset([bytes.subarray(meta.datasetOffset)], meta.transferSyntaxUid, 'keep', {
    inflated(totalBytes) {
      if (totalBytes <= limitBytes) return;
      throw new IchorError('DATASET_UNREADABLE', { reason: `it inflates to more than ${limitBytes} bytes` });
    },
  });
  return { ...meta, dataset };
}
