/** Every accepted transfer syntax, as other toolkits write it, decoded bit for bit as pydicom and the encoders' input say. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadSlice } from '@ichor/analysis/volume/loadSlice';
import { decodePixels } from '@ichor/dicom/pixels/decodePixels';
import { readPart10 } from '@ichor/dicom/readPart10';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runIchor } from '../support/ichor.ts';
import { requirePeer } from '../support/peers.ts';
import { runPython } from '../support/python.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const run = promisify(execFile);
const decodedSyntaxes = new Set<string>();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let folder: WorkFolder;
let originals: Record<(typeof KINDS)[number], string[]>;
beforeAll(async () => {
  folder = await openWorkFolder('decoding');
  originals = JSON.parse(await runPython(MAKE, [folder.path, JSON.stringify(KINDS)]));
}, 120_000);
afterAll(() => folder.remove());

/** Digest of every frame in Hounsfield units. */
async function hounsfieldDigests(path: string): Promise<string[]> {
  const { dataset, transferSyntaxUid } = readPart10(await readFile(path), path);
  const [rows, columns] = [dataset.number('Rows')!, dataset.number('Columns')!];
  const frames = dataset.number('NumberOfFrames') ?? 1;
  const digests: string[] = [];
  for (let frameNumber = 1; frameNumber <= frames; frameNumber++) {
    const { hu } = await loadSlice({ reference: path, rows, columns, frameNumber, frames }, localFiles);
    digests.push(sha256(new Uint8Array(hu.buffer, hu.byteOffset, hu.byteLength)));
  }
  decodedSyntaxes.add(transferSyntaxUid);
  return digests;
}

/** Digest of every frame's bytes, little endian. */
async function byteDigests(path: string): Promise<string[]> {
  const { dataset, transferSyntaxUid } = readPart10(await readFile(path), path);
  const frames = dataset.number('NumberOfFrames') ?? 1;
  const shape = {
    rows: dataset.number('Rows')!,
    columns: dataset.number('Columns')!,
    bitsAllocated: dataset.number('BitsAllocated')!,
    frames,
  };
  const digests: string[] = [];
  for (let frameNumber = 1; frameNumber <= frames; frameNumber++)
    digests.push(sha256(await decodePixels(dataset.pixelData(), transferSyntaxUid, { ...shape, frameNumber })));
  decodedSyntaxes.add(transferSyntaxUid);
  return digests;
}

/** What pydicom decodes: a digest per frame for each path. */
const DECODE = `
import hashlib, json, sys
import pydicom
def digests(path):
    ds = pydicom.dcmread(path)
    frames = ds.pixel_array.reshape(-1, ds.Rows, ds.Columns)
    return [hashlib.sha256(frame.astype(frame.dtype.newbyteorder('<')).tobytes()).hexdigest() for frame in frames]
print(json.dumps([digests(path) for path in sys.argv[1:]]))
`;
const decodeWithPydicom = async (paths: readonly string[]): Promise<string[][]> =>
  JSON.parse(await runPython(DECODE, paths));

/** Native images in Explicit VR Little Endian, with digests of their frames in HU. */
const MAKE = `
import hashlib, json, sys
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
folder, kinds = sys.argv[1], json.loads(sys.argv[2])
rng = np.random.default_rng(4)
def make(name, allocated, stored, signed, frames):
    rows, columns = 61, 47
    low, top = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    y, x = np.mgrid[:rows, :columns]
    values = np.stack([(low + top) / 2 + (top - low) / 2.2 * np.sin(x / 9 + frame) * np.cos(y / 7) for frame in range(frames)])
    values = np.clip(np.rint(values + rng.normal(0, (top - low) / 500, values.shape)), low, top).astype(np.int64)
    values[:, 0, :4] = [low, top, low, top]
    values[:, 20:40, 20:40] = values[:, :1, :1]
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2" if frames == 1 else "1.2.840.10008.5.1.4.1.1.7.3"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{kinds.index(name) + 1}", "1.2.3", "1.2.4"
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.Modality, ds.PatientID, ds.PatientName = "CT", "P", "Phantom^Test"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = rows, columns, allocated, stored, stored - 1, int(signed)
    ds.RescaleSlope, ds.RescaleIntercept = "1", "-1024"
    if frames > 1: ds.NumberOfFrames = frames
    data = (values & ((1 << allocated) - 1)).astype(f"<u{allocated // 8}").tobytes()
    ds.add_new("PixelData", "OB" if allocated == 8 else "OW", data + b"\\0" * (len(data) % 2))
    ds.save_as(f"{folder}/{name}.dcm", enforce_file_format=True)
    hu = np.clip(values - 1024, -32768, 32767).astype("<i2")
    return [hashlib.sha256(frame.tobytes()).hexdigest() for frame in hu]
shapes = {"u16": (16, 16, False, 1), "s16": (16, 16, True, 1), "u12": (16, 12, False, 1), "s12": (16, 12, True, 1), "u8": (8, 8, False, 1), "u8in16": (16, 8, False, 1), "frames": (16, 16, True, 3)}
print(json.dumps({name: make(name, *shapes[name]) for name in kinds}))
`;
const KINDS = ['u16', 's16', 'u12', 's12', 'u8', 'u8in16', 'frames'] as const;

/** Lossless encoders of DCMTK and GDCM. */
const ENCODERS: readonly (readonly [program: string, ...options: string[]])[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((predictor) => ['dcmcjpeg', '+el', '+sv', String(predictor)] as const),
  ['dcmcjpeg', '+e1'],
  ['dcmcjpeg', '+e1', '+fs', '1', '+ot'],
  ['dcmcjpeg', '+e1', '+fs', '1', '-ot'],
  ['dcmcjpls', '+el'],
  ['dcmcjpls', '+el', '+fs', '1', '+ot'],
  ['dcmcjpls', '+el', '+fs', '1', '-ot'],
  ['dcmcrle', '+ot'],
  ['dcmcrle', '-ot'],
  ['gdcmconv', '--jpeg'],
  ['gdcmconv', '--jpegls'],
  ['gdcmconv', '--j2k'],
  ['dcmconv', '+te'],
  ['dcmconv', '+ti'],
  ['dcmconv', '+tb'],
  ['dcmconv', '+td'],
];

describe('images compressed without loss', () => {
  test.each(ENCODERS.map((encoder) => [encoder.join(' '), encoder] as const))(
    '%s: Hounsfield units as before',
    async (_name, [program, ...options]) => {
      const found: Record<string, string[]> = {};
      for (const kind of KINDS) {
        const [from, to] = [join(folder.path, `${kind}.dcm`), join(folder.path, `${kind}.out`)];
        await run(requirePeer(program), [...options, from, to]);
        found[kind] = await hounsfieldDigests(to);
      }
      expect(found).toEqual(originals);
    },
  );
});

test('JPEG-LS near-lossless decodes to what pydicom reads', async () => {
  const [from, to] = [join(folder.path, 'u12.dcm'), join(folder.path, 'u12.near')];
  await run(requirePeer('dcmcjpls'), ['+en', '+md', '3', from, to]);
  expect([await byteDigests(to)]).toEqual(await decodeWithPydicom([to]));
  expect(await byteDigests(to)).not.toEqual(await byteDigests(from));
});

const LABEL = `
import sys, pydicom
ds = pydicom.dcmread(sys.argv[1])
ds.file_meta.TransferSyntaxUID = sys.argv[3]
ds.save_as(sys.argv[2])
`;

test.each(['1.2.840.10008.1.2.4.90', '1.2.840.10008.1.2.4.201', '1.2.840.10008.1.2.4.202'])(
  'a phantom in %s decodes to what pydicom reads',
  async (transferSyntaxUid) => {
    const out = join(folder.path, transferSyntaxUid);
    const options = ['--slices', '2', '--matrix', '128', '--transfer-syntax', transferSyntaxUid];
    expect((await runIchor(['phantom', '--out', out, ...options])).code).toBe(0);
    const path = join(out, '0001.dcm');
    expect([await byteDigests(path)]).toEqual(await decodeWithPydicom([path]));
    // The lossy syntaxes allow reversible codestreams too (PS3.5 §A.4.4).
    const also = transferSyntaxUid.replace('.90', '.91').replace(/\.20[12]$/, '.203');
    await runPython(LABEL, [path, `${path}.also`, also]);
    expect(await byteDigests(`${path}.also`)).toEqual(await byteDigests(path));
  },
);

/** Files as odd writers leave them: padded behind the end marker or the pixels, offsets of another count. */
const ODD = `
import struct, sys, pydicom
from pydicom.encaps import encapsulate, generate_frames
folder = sys.argv[1]
for name in ("u12.70", "u12.57", "u12.80", "u12.81", "u12.5"):
    for pad in (b"\\x20", b"\\xff\\xff\\xff"):
        ds = pydicom.dcmread(f"{folder}/{name}")
        frame = next(generate_frames(ds.PixelData, number_of_frames=1)).rstrip(b"\\0")
        frame += pad if len(frame + pad) % 2 == 0 else pad + pad[:1]
        ds.PixelData = encapsulate([frame], has_bot=False)
        ds.save_as(f"{folder}/{name}.padded{len(pad)}")
ds = pydicom.dcmread(f"{folder}/u16.dcm")
ds.PixelData += bytes(64)
ds.save_as(f"{folder}/u16.excess")
ds = pydicom.dcmread(f"{folder}/frames.80")
fragments = list(generate_frames(ds.PixelData, number_of_frames=3))
good = encapsulate(fragments, has_bot=True)
ds.PixelData = good
ds.save_as(f"{folder}/frames.good")
first = 8 + 4 * len(fragments)
ds.PixelData = good[:8] + b"".join(struct.pack("<I", sum(map(len, fragments[:i])) + 8) for i in range(len(fragments))) + good[first:]
ds.save_as(f"{folder}/frames.badtable")
`;

test('padding of other values, excess padding and an offset table that is wrong by headers decode to what pydicom reads', async () => {
  const made: [string, ...string[]][] = [
    ['70', 'dcmcjpeg', '+e1'],
    ['57', 'dcmcjpeg', '+el', '+sv', '6'],
    ['80', 'dcmcjpls', '+el'],
    ['81', 'dcmcjpls', '+en', '+md', '2'],
    ['5', 'dcmcrle'],
  ];
  const encode = (kind: string, [end, program, ...options]: [string, ...string[]]) =>
    run(requirePeer(program!), [...options, join(folder.path, `${kind}.dcm`), join(folder.path, `${kind}.${end}`)]);
  for (const encoder of made) await encode('u12', encoder);
  await encode('frames', ['80', 'dcmcjpls', '+el']);
  await runPython(ODD, [folder.path]);
  const padded = made.flatMap(([end]) => [`u12.${end}.padded1`, `u12.${end}.padded3`]);
  const paths = [...padded, 'u16.excess', 'frames.good'].map((name) => join(folder.path, name));
  const theirs = await decodeWithPydicom(paths);
  for (const [index, path] of paths.entries()) expect([path, await byteDigests(path)]).toEqual([path, theirs[index]]);
  expect(await byteDigests(join(folder.path, 'frames.badtable'))).toEqual(theirs.at(-1));
});

const SHARED = [
  ...['1.2', '1.2.1', '1.2.1.99', '1.2.2', '1.2.5', '1.2.4.57', '1.2.4.70', '1.2.4.80', '1.2.4.81', '1.2.4.90'].map(
    (end) => `single-slice/1.2.840.10008.${end}.dcm`,
  ),
  'single-slice/1.2.840.10008.1.2.4.91.dcm',
  ...['explicit_big_endian', 'explicit_little_endian', 'implicit_little_endian'].map(
    (name) => `encapsulated/CT1_UNC.${name}.dcm`,
  ),
  'encapsulated/deflate/image_dfl',
  ...['fragmented_bot', 'fragmented_no_bot', 'not_fragmented_bot', 'not_fragmented_no_bot'].map(
    (name) => `encapsulated/encapsulated/single-frame/CT1_UNC.${name}_jpeg_ls.80.dcm`,
  ),
  ...[
    'explicit_little_endian',
    'fragmented_no_bot_jpeg_lossless.57',
    'fragmented_no_bot_jpeg_lossless.70',
    'fragmented_no_bot_jpeg_ls.80',
    'fragmented_no_bot_jpeg_ls.81',
    'not_fragmented_bot_jpeg_ls.80',
    'not_fragmented_bot_rle',
    'not_fragmented_no_bot_jpeg_ls.80',
    'not_fragmented_no_bot_rle',
  ].map((name) => `encapsulated/encapsulated/multi-frame/CT0012.${name}.dcm`),
].map((name) => sharedData('transfer-syntaxes', ...name.split('/')));

describeWithSharedData('images of other projects', () => {
  let theirs: string[][];
  beforeAll(async () => {
    theirs = await decodeWithPydicom(SHARED);
  }, 120_000);
  test.each(SHARED.map((path, index) => [path.split('/').slice(-2).join('/'), path, index] as const))(
    '%s decodes to what pydicom reads',
    async (_name, path, index) => {
      expect(await byteDigests(path)).toEqual(theirs[index]);
    },
  );
});

test('every accepted transfer syntax was decoded here', () => {
  expect([...decodedSyntaxes].sort()).toEqual(TRANSFER_SYNTAXES.map(({ uid }) => uid).sort());
});
