/** New CT instances as Part 10 bytes in any transfer syntax that Ichor accepts (sole importer here of dcmjs and dcmjs-codecs). */

import { createRequire } from 'node:module';
import { deflateRawSync } from 'node:zlib';
import { readMeta } from '@ichor/dicom/readPart10';
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';
import { IchorError } from '@ichor/shared/errors';
import dcmjs from 'dcmjs';

const require = createRequire(import.meta.url);

/** Attributes by DICOM keyword. */
export type DatasetOf = Record<string, unknown>;

/** Transcoded by dcmjs-codecs. */
const TRANSCODED = [
  '1.2.840.10008.1.2',
  '1.2.840.10008.1.2.2',
  '1.2.840.10008.1.2.5',
  '1.2.840.10008.1.2.4.70',
  '1.2.840.10008.1.2.4.80',
  '1.2.840.10008.1.2.4.90',
  '1.2.840.10008.1.2.4.201',
  '1.2.840.10008.1.2.4.202',
];
export const PHANTOM_TRANSFER_SYNTAXES: readonly string[] = [
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.deflatedExplicitLittleEndian,
  ...TRANSCODED,
];

/**
 * @param hu int16 [rows, columns]; stored by the dataset's RescaleSlope, RescaleIntercept and PixelRepresentation
 * @throws IchorError TRANSFER_SYNTAX_UNSUPPORTED
 */
export async function encodePart10(
  dataset: DatasetOf,
  hu: Int16Array,
  transferSyntaxUid: string = TRANSFER_SYNTAX.explicitLittleEndian,
): Promise<Uint8Array> {
  if (!PHANTOM_TRANSFER_SYNTAXES.includes(transferSyntaxUid)) {
    throw new IchorError('TRANSFER_SYNTAX_UNSUPPORTED', {
      transferSyntaxUid,
      supported: PHANTOM_TRANSFER_SYNTAXES.join(', '),
    });
  }
  const plain = writeExplicit(dataset, hu);
  if (transferSyntaxUid === TRANSFER_SYNTAX.explicitLittleEndian) return plain;
  return transferSyntaxUid === TRANSFER_SYNTAX.deflatedExplicitLittleEndian
    ? deflate(plain)
    : transcode(plain, transferSyntaxUid);
}

function writeExplicit(dataset: DatasetOf, hu: Int16Array): Uint8Array {
  const withPixels = 'PixelData' in dataset ? dataset : { ...dataset, PixelData: storedValues(dataset, hu).buffer };
  const meta = metaOf(dataset, TRANSFER_SYNTAX.explicitLittleEndian);
  const dict = new dcmjs.data.DicomDict(dcmjs.data.DicomMetaDictionary.denaturalizeDataset(meta));
  dict.dict = dcmjs.data.DicomMetaDictionary.denaturalizeDataset({ ...withPixels, _vrMap: vrsOf(dataset) });
  return new Uint8Array(dict.write({ allowInvalidVRLength: true }));
}

/** Value representations that the data dictionary leaves open (PS3.6). */
function vrsOf(dataset: DatasetOf): Record<string, string> {
  const ofPixels = dataset['PixelRepresentation'] === 1 ? 'SS' : 'US';
  const own = ['PixelPaddingValue', 'PixelPaddingRangeLimit', 'SmallestImagePixelValue', 'LargestImagePixelValue'];
  return { PixelData: 'OW', ...Object.fromEntries(own.map((keyword) => [keyword, ofPixels])) };
}

function metaOf(dataset: DatasetOf, transferSyntaxUid: string): DatasetOf {
  return {
    _vrMap: { FileMetaInformationVersion: 'OB' },
    FileMetaInformationVersion: new Uint8Array([0, 1]).buffer,
    MediaStorageSOPClassUID: dataset['SOPClassUID'],
    MediaStorageSOPInstanceUID: dataset['SOPInstanceUID'],
    TransferSyntaxUID: transferSyntaxUid,
    ImplementationClassUID: '2.25.80302813137786398554742050926734630921',
    ImplementationVersionName: 'ICHOR_PHANTOM',
  };
}

function storedValues(dataset: DatasetOf, hu: Int16Array): Int16Array {
  const intercept = Number(dataset['RescaleIntercept'] ?? 0);
  const slope = Number(dataset['RescaleSlope'] ?? 1);
  return hu.map((value) => Math.round((value - intercept) / slope));
}

/** PS3.5 §A.5: everything after the file meta information as a raw deflate stream, padded to even length. */
function deflate(plain: Uint8Array): Uint8Array {
  const { datasetOffset } = readMeta(plain, 'phantom');
  const body = deflateRawSync(plain.subarray(datasetOffset));
  const padded = body.length % 2 === 0 ? body : Buffer.concat([body, Buffer.from([0])]);
  return Buffer.concat([
    withTransferSyntax(plain.subarray(0, datasetOffset), TRANSFER_SYNTAX.deflatedExplicitLittleEndian),
    padded,
  ]);
}

/** Rewrites Transfer Syntax UID in a file meta information that dcmjs wrote. */
function withTransferSyntax(head: Uint8Array, transferSyntaxUid: string): Buffer {
  const bytes = Buffer.from(head);
  const at = bytes.indexOf(Buffer.from([0x02, 0x00, 0x10, 0x00, 0x55, 0x49]));
  const value = Buffer.from(
    transferSyntaxUid.length % 2 === 0 ? transferSyntaxUid : `${transferSyntaxUid}\0`,
    'latin1',
  );
  const length = bytes.readUInt16LE(at + 6);
  const out = Buffer.concat([
    bytes.subarray(0, at + 6),
    Buffer.from([value.length, 0]),
    value,
    bytes.subarray(at + 8 + length),
  ]);
  out.writeUInt32LE(out.readUInt32LE(140) + value.length - length, 140);
  return out;
}

type Codecs = {
  NativeCodecs: { initializeAsync(): Promise<void> };
  Transcoder: new (
    bytes: ArrayBuffer,
  ) => { transcode(uid: string): void; getElements(): DatasetOf; getDicomPart10(): ArrayBuffer };
};
let codecs: Promise<Codecs> | null = null;

async function loadCodecs(): Promise<Codecs> {
  const loaded = require('dcmjs-codecs') as Codecs;
  await loaded.NativeCodecs.initializeAsync();
  return loaded;
}

async function transcode(plain: Uint8Array, transferSyntaxUid: string): Promise<Uint8Array> {
  codecs ??= loadCodecs();
  const { Transcoder } = await codecs;
  const transcoder = new Transcoder(plain.slice().buffer);
  transcoder.transcode(transferSyntaxUid);
  // The encoders add it, but one sample per pixel has no planes (PS3.3 C.7.6.3.1.3).
  delete transcoder.getElements()['PlanarConfiguration'];
  return new Uint8Array(transcoder.getDicomPart10());
}
