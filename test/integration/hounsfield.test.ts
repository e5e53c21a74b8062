/**
 * Hounsfield units of pixel formats that devices write, compared with numpy: the stored values are made by numpy, written
 * by pydicom, and what they mean in HU is computed beside them.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { loadSlice } from '@ichor/analysis/volume/loadSlice';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runPython } from '../support/python.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const ROWS = 33;
const COLUMNS = 31;
const FRAMES = 3;

/** One image each: what is stored, and how the header says to read it. `above`: overlays fill the bits above High Bit. */
type Case = {
  readonly bitsAllocated?: 8;
  readonly bitsStored?: number;
  readonly highBit?: number;
  readonly signed?: boolean;
  readonly slope?: string;
  readonly intercept?: string;
  readonly padding?: readonly [value: number, limit: number | null];
  readonly above?: boolean;
  readonly inverted?: boolean;
  readonly syntax?: 'implicit' | 'big-endian' | 'deflated';
  /** VR of the padding elements where it contradicts the Pixel Representation. */
  readonly paddingVr?: 'US';
  readonly perFrame?: boolean;
};
const CASES: Readonly<Record<string, Case>> = {
  'unsigned 16 bits': {},
  'signed 16 bits': { signed: true, intercept: '0' },
  'signed 12 bits, sign extended by the device': { bitsStored: 12, signed: true, intercept: '0' },
  'signed 12 bits, overlays above the high bit': { bitsStored: 12, signed: true, intercept: '0', above: true },
  'unsigned 12 bits, overlays above the high bit': { bitsStored: 12, above: true },
  'unsigned 14 bits': { bitsStored: 14 },
  'unsigned 12 bits at the top of the word': { bitsStored: 12, highBit: 15 },
  'signed 12 bits at the top of the word': { bitsStored: 12, highBit: 15, signed: true, intercept: '0' },
  'unsigned 8 bits, an odd number of them': { bitsAllocated: 8, intercept: '-50' },
  'signed 8 bits': { bitsAllocated: 8, signed: true, intercept: '3' },
  'a slope of a half, so that every second value is a tie': { slope: '0.5', intercept: '-1024' },
  'a slope of a half on signed values': { slope: '0.5', intercept: '-3', signed: true },
  'a negative slope with ties': { slope: '-1.5', intercept: '100', bitsStored: 12, signed: true },
  'a slope of many digits': { slope: '0.0244200244200', intercept: '-1024.0001' },
  'a slope in exponent notation': { slope: '1.5E-01', intercept: '-1.024e3' },
  'values beyond int16': { slope: '7', intercept: '-1024' },
  'padding, unsigned': { padding: [77, null] },
  'padding, signed': { padding: [-2000, null], signed: true, intercept: '0' },
  'a padding range': { padding: [-2000, -1500], signed: true, intercept: '0' },
  'a padding range, the higher value first': { padding: [-1500, -2000], signed: true, intercept: '0' },
  'padding in implicit VR, signed': { padding: [-2000, -1900], signed: true, intercept: '0', syntax: 'implicit' },
  'padding in implicit VR, unsigned': { padding: [20, 60], syntax: 'implicit' },
  'signed padding written as unsigned': { padding: [-2000, -1900], signed: true, intercept: '0', paddingVr: 'US' },
  'wrapped 12 bits, intercept 0': { bitsStored: 12, intercept: '0' },
  'wrapped 12 bits, intercept -99': { bitsStored: 12, intercept: '-99' },
  'wrapped 12 bits with padding': { bitsStored: 12, intercept: '0', padding: [3100, 3300] },
  '12 bits, intercept -100: not wrapped': { bitsStored: 12, intercept: '-100' },
  'MONOCHROME1 with a rescale': { inverted: true },
  'MONOCHROME1 without one': { inverted: true, slope: '1', intercept: '0' },
  'big endian, signed': { syntax: 'big-endian', signed: true, intercept: '0' },
  'big endian, unsigned 12 bits with overlays above': { syntax: 'big-endian', bitsStored: 12, above: true },
  'big endian, 8 bits': { syntax: 'big-endian', bitsAllocated: 8 },
  'big endian with padding': { syntax: 'big-endian', padding: [-2000, -1900], signed: true, intercept: '0' },
  deflated: { syntax: 'deflated' },
  'multi-frame, a rescale of its own for every frame': { perFrame: true },
};

/** Writes a file per case and prints the digests of its frames in HU, with the share of ties and padding among them. */
const MAKE = `
import hashlib, json, sys
import numpy as np, pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian
folder, cases, rows, columns, frames = sys.argv[1], json.loads(sys.argv[2]), *map(int, sys.argv[3:6])
SYNTAX = {"implicit": ImplicitVRLittleEndian, "big-endian": ExplicitVRBigEndian, "deflated": DeflatedExplicitVRLittleEndian}

def make(index, case):
    rng = np.random.default_rng(index)
    allocated = case.get("bitsAllocated", 16)
    stored = case.get("bitsStored", allocated)
    high = case.get("highBit", stored - 1)
    signed = case.get("signed", False)
    count = frames if case.get("perFrame") else 1
    low, top = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    values = rng.integers(low, top + 1, (count, rows, columns))
    values.ravel()[:6] = [low, top, 0, 1, top // 2, low // 2]
    padding = case.get("padding")
    if padding:
        ends = sorted(padding if padding[1] is not None else [padding[0]] * 2)
        values[:, 3:9, 2:20] = rng.integers(ends[0], ends[1] + 1, (count, 6, 18))
        values[:, 9, :4] = [ends[0] - 1, ends[0], ends[1], min(ends[1] + 1, top)]
    words = (values & ((1 << stored) - 1)) << (high + 1 - stored)
    if case.get("above"): words |= rng.integers(0, 1 << allocated - 1 - high, words.shape) << high + 1
    elif signed and high + 1 == stored: words = values & ((1 << allocated) - 1)

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    syntax = ds.file_meta.TransferSyntaxUID = SYNTAX.get(case.get("syntax"), ExplicitVRLittleEndian)
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{index}"
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME1" if case.get("inverted") else "MONOCHROME2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = rows, columns, allocated, stored, high, int(signed)
    for plane in range(allocated - 1 - high if case.get("above") else 0):
        ds.add_new(0x60000100 + 0x20000 * plane, "US", allocated)
        ds.add_new(0x60000102 + 0x20000 * plane, "US", high + 1 + plane)
    slope, intercept = case.get("slope", "1"), case.get("intercept", "-1024")
    slopes, intercepts = [float(slope)] * count, [float(intercept)] * count
    if case.get("perFrame"):
        slopes, intercepts = [1.0, 0.5, 2.0], [-1024.0, -1000.0, 0.0]
        ds.NumberOfFrames = count
        ds.PerFrameFunctionalGroupsSequence = []
        for s, i in zip(slopes, intercepts):
            rescale = Dataset()
            rescale.RescaleSlope, rescale.RescaleIntercept = s, i
            group = Dataset()
            group.PixelValueTransformationSequence = [rescale]
            ds.PerFrameFunctionalGroupsSequence.append(group)
    else:
        ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
    if padding:
        vr = case.get("paddingVr", "SS" if signed else "US")
        fit = lambda value: value & 0xffff if vr == "US" else value
        ds.add_new("PixelPaddingValue", vr, fit(padding[0]))
        if padding[1] is not None: ds.add_new("PixelPaddingRangeLimit", vr, fit(padding[1]))
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    data = words.astype(f"{order}u{allocated // 8}").tobytes()
    ds.add_new("PixelData", "OB" if allocated == 8 else "OW", data + b"\\0" * (len(data) % 2))
    ds.save_as(f"{folder}/{index}.dcm", enforce_file_format=True)

    digests, ties = [], 0
    for frame in range(count):
        upright, offset = values[frame], intercepts[frame]
        if case.get("inverted") and (slopes[frame], offset) == (1, 0): upright = top - upright
        if stored == 12 and not signed and offset > -100: upright, offset = (upright + 1000) % 4096, -1000.0
        exact = upright.astype(np.float64) * slopes[frame] + offset
        ties += int((exact % 1 == 0.5).sum())
        hu = np.clip(np.rint(exact), -32768, 32767)
        if padding: hu[(values[frame] >= ends[0]) & (values[frame] <= ends[1])] = -1024
        digests.append(hashlib.sha256(hu.astype("<i2").tobytes()).hexdigest())
    plain = pydicom.dcmread(f"{folder}/{index}.dcm").pixel_array.reshape(values.shape)
    readable = high + 1 == stored and not case.get("above")
    assert not readable or (plain == values).all(), f"case {index}: pydicom reads other stored values"
    return {"digests": digests, "ties": ties}

print(json.dumps([make(index, case) for index, case in enumerate(cases)]))
`;

type Expected = { readonly digests: readonly string[]; readonly ties: number };
let folder: WorkFolder;
let expected: readonly Expected[];

beforeAll(async () => {
  folder = await openWorkFolder('hounsfield');
  const sizes = [ROWS, COLUMNS, FRAMES].map(String);
  expected = JSON.parse(await runPython(MAKE, [folder.path, JSON.stringify(Object.values(CASES)), ...sizes]));
}, 120_000);
afterAll(() => folder.remove());

const sha256 = (hu: Int16Array): string =>
  createHash('sha256')
    .update(new Uint8Array(hu.buffer, hu.byteOffset, hu.byteLength))
    .digest('hex');

test.each(Object.keys(CASES).map((name, index) => [name, index] as const))(
  'Hounsfield units equal numpy: %s',
  async (_name, index) => {
    const { digests } = expected[index]!;
    const found: string[] = [];
    for (let frameNumber = 1; frameNumber <= digests.length; frameNumber++) {
      const slice = {
        reference: join(folder.path, `${index}.dcm`),
        rows: ROWS,
        columns: COLUMNS,
        frameNumber,
        frames: digests.length,
      };
      found.push(sha256((await loadSlice(slice, localFiles)).hu));
    }
    expect(found).toEqual(digests);
  },
);

test('the cases about ties hold ties', () => {
  const tied = Object.keys(CASES).flatMap((name, index) => (expected[index]!.ties > 50 ? [name] : []));
  expect(tied).toEqual(expect.arrayContaining(Object.keys(CASES).filter((name) => /half|ties/.test(name))));
});
