/**
 * Every line of the agreement's "Bad input" that concerns content: phantoms made wrong in one way each, through the very
 * analysis that production runs. What concerns the network is in receiver*.test.ts.
 */

import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { readPart10 } from '@ichor/dicom/readPart10';
import { type DatasetOf, encodePart10 } from '@ichor/phantom/encodePart10';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import { writeObjects } from '@ichor/report/writeObjects';
import { loadConfig } from '@ichor/settings/config';
import type { ReasonCode } from '@ichor/shared/reasons';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runIchor } from '../support/ichor.ts';
import { requirePeer } from '../support/peers.ts';
import { silentLog } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let inference: Inference;
let root: WorkFolder;
let made = 0;

beforeAll(async () => {
  root = await openWorkFolder('bad-input');
  inference = await startInference(loadConfig({}), silentLog);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await root.remove();
});

type Change = (dataset: DatasetOf, sliceIndex: number) => void;
type Made = { readonly folder: string; readonly study: PhantomStudy };
const SLICES = 30;

/** A normal phantom of 30 slices of 64 × 64, changed before it is written. */
async function makeStudy(change: Change = () => {}, slices = SLICES): Promise<Made> {
  const folder = join(root.path, String(++made));
  return {
    folder,
    study: await writePhantomStudy({
      out: folder,
      seed: 33,
      matrix: 64,
      slices,
      bleeds: [],
      confounders: [],
      decorate: change,
    }),
  };
}

async function analyse({ folder, study }: Made) {
  return analyseStudy(study.studyInstanceUid, await findDicomFiles(folder), {
    inference,
    features: noFeatureCache,
    files: localFiles,
  });
}

/** The reason that the study ends with; null when it was analysed. */
async function reasonFor(change: Change, slices = SLICES): Promise<ReasonCode | null> {
  const { result } = await analyse(await makeStudy(change, slices));
  expect(result.state === 'not-analysed').toBe(result.reason !== null);
  return result.reason?.code ?? null;
}

const at =
  (wanted: number, change: (dataset: DatasetOf) => void): Change =>
  (dataset, index) => {
    if (index === wanted) change(dataset);
  };
const set =
  (attributes: DatasetOf): Change =>
  (dataset) =>
    void Object.assign(dataset, attributes);
const remove =
  (keyword: string): Change =>
  (dataset) =>
    void delete dataset[keyword];

test('an unchanged phantom is analysed, so that every reason below has its cause in the change', async () => {
  expect(await reasonFor(() => {})).toBeNull();
});

describe('an instance that is broken', () => {
  test('a file cut in its pixels is truncated-pixel-data', async () => {
    const made = await makeStudy();
    const bytes = await readFile(made.study.files[7]!);
    await writeFile(made.study.files[7]!, bytes.subarray(0, bytes.length - 1_000));
    expect((await analyse(made)).result.reason?.code).toBe('truncated-pixel-data');
  });
  test('a file cut in its header is unreadable-instance, never clear', async () => {
    const made = await makeStudy();
    const bytes = await readFile(made.study.files[7]!);
    await writeFile(made.study.files[7]!, bytes.subarray(0, 700));
    expect((await analyse(made)).result).toMatchObject({ state: 'not-analysed' });
  });
  test('missing Pixel Data is missing-pixel-data', async () => {
    const made = await makeStudy();
    const bytes = await readFile(made.study.files[3]!);
    const pixelData = bytes.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x57]));
    await writeFile(made.study.files[3]!, bytes.subarray(0, pixelData));
    expect((await analyse(made)).result.reason?.code).toBe('missing-pixel-data');
  });
  test.each(['StudyInstanceUID', 'SeriesInstanceUID'])('a missing %s is unreadable-instance', async (keyword) => {
    expect(await reasonFor(at(0, remove(keyword) as never))).toBe('unreadable-instance');
    // Within the stack its place is empty, and that is what is told.
    expect(await reasonFor(at(4, remove(keyword) as never))).toBe('missing-slices');
  });
  test('an object without pixels and of another class beside the slices disturbs nothing', async () => {
    const [made, other] = [
      await makeStudy(),
      await makeStudy(
        set({
          Modality: 'OT',
          SOPClassUID: '1.2.840.10008.5.1.4.1.1.66',
          SOPInstanceUID: '1.2.3.9.1',
          SeriesInstanceUID: '1.2.3.9',
        }),
      ),
    ];
    const bytes = await readFile(other.study.files[0]!);
    const pixelData = bytes.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x57]));
    await writeFile(join(made.folder, 'other.dcm'), bytes.subarray(0, pixelData));
    const { result } = await analyse(made);
    expect(result.reason).toBeNull();
    expect(result.series.map(({ reason }) => reason?.code ?? null).sort()).toEqual([null, 'not-ct'].sort());
  });
  test.each(['ImagePositionPatient', 'ImageOrientationPatient', 'PixelSpacing'])(
    'a missing %s is missing-geometry',
    async (keyword) => {
      expect(await reasonFor(at(4, remove(keyword) as never))).toBe('missing-geometry');
    },
  );
  test('an orientation of zeros is missing-geometry', async () => {
    expect(await reasonFor(set({ ImageOrientationPatient: [0, 0, 0, 0, 0, 0] }))).toBe('missing-geometry');
  });
  test('Rows that disagree with the pixels are truncated-pixel-data', async () => {
    expect(await reasonFor(set({ Rows: 65 }))).toBe('truncated-pixel-data');
  });
  test('forged sizes are truncated-pixel-data and ask for no memory', async () => {
    expect(await reasonFor(set({ Rows: 65_535, Columns: 65_535 }))).toBe('truncated-pixel-data');
  });
  test.each(['RGB', 'PALETTE COLOR', 'YBR_FULL'])(
    'photometric interpretation %s is unsupported-photometric',
    async (value) => {
      expect(await reasonFor(set({ PhotometricInterpretation: value }))).toBe('unsupported-photometric');
    },
  );
  test('a file that is no DICOM at all makes its study unreadable-instance', async () => {
    const made = await makeStudy();
    await writeFile(join(made.folder, '0099.dcm'), 'not DICOM');
    expect((await analyse(made)).result.reason?.code).toBe('unreadable-instance');
  });
});

describe('a header that makes no sense', () => {
  test.each(['1e400', '1e30', '0.0000001', '-1e30'])(
    'a Rescale Slope of %s is unsupported-pixel-format, because nothing would be seen, and found',
    async (slope) => {
      expect(await reasonFor(set({ RescaleSlope: slope }))).toBe('unsupported-pixel-format');
    },
  );
  test('a value of odd length before Pixel Data changes nothing', async () => {
    const made = await makeStudy();
    const expected = (await analyse(made)).result.sliceScores;
    for (const file of made.study.files) {
      const bytes = await readFile(file);
      const modality = bytes.indexOf(Buffer.from([0x08, 0, 0x60, 0, 0x43, 0x53, 2, 0]));
      const odd = Buffer.from([0x08, 0, 0x60, 0, 0x43, 0x53, 3, 0, 0x43, 0x54, 0x20]);
      expect(modality).toBeGreaterThan(0);
      await writeFile(file, Buffer.concat([bytes.subarray(0, modality), odd, bytes.subarray(modality + 10)]));
    }
    expect((await analyse(made)).result.sliceScores).toEqual(expected);
  });
  test('a patient name of 64 kB with control characters gives a report with a name that DICOM allows', async () => {
    const made = await makeStudy();
    const file = made.study.files[0]!;
    for (const path of made.study.files) {
      const bytes = await readFile(path);
      const name = bytes.indexOf(Buffer.from([0x10, 0, 0x10, 0, 0x50, 0x4e]));
      const length = Buffer.from([0xfe, 0xff]);
      const value = Buffer.from(`\u001b[31m${'A'.repeat(40_000)}=\u0000${'B'.repeat(40_000)}`.slice(0, 65_534));
      const end = name + 8 + bytes.readUInt16LE(name + 6);
      await writeFile(path, Buffer.concat([bytes.subarray(0, name + 6), length, value, bytes.subarray(end)]));
    }
    const objects = await writeObjects(await analyse(made), loadConfig({}), null);
    const report = readPart10(Buffer.from(objects[0]!.bytes), file).dataset;
    expect(report.text('PatientName')).toBe(`[31m${'A'.repeat(60)}=${'B'.repeat(64)}`);
  });
  test('dates, times and codes of no valid form give a report that a validator passes', async () => {
    const odd = { StudyTime: '10:15:30.123456', PatientSex: 'female', PatientAge: '45', BodyPartExamined: 'Head' };
    const made = await makeStudy(set({ ...odd, StudyDate: '00000000', PatientBirthDate: '1980.01.31' }));
    const objects = await writeObjects(await analyse(made), loadConfig({}), null);
    const path = join(made.folder, 'report');
    await writeFile(path, objects[0]!.bytes);
    const { stdout, stderr } = await promisify(execFile)(requirePeer('dciodvfy'), ['-new', path]);
    expect(`${stdout}${stderr}`).toContain('Comprehensive3DSR');
    expect(`${stdout}${stderr}`).not.toMatch(/^Error/m);
    const report = readPart10(Buffer.from(objects[0]!.bytes), path).dataset;
    const values = ['StudyDate', 'StudyTime', 'PatientBirthDate', 'PatientSex'].map((tag) => report.text(tag as never));
    expect(values).toEqual([null, '101530.123456', '19800131', null]);
  });
  test('a Patient ID that changes within the series is mixed-patients', async () => {
    expect(await reasonFor(at(20, set({ PatientID: 'SOMEBODY-ELSE' }) as never))).toBe('mixed-patients');
  });
});

describe('a series that is no stack', () => {
  test('the same SOP Instance UID with other pixels is conflicting-instances', async () => {
    const made = await makeStudy();
    const bytes = await readFile(made.study.files[10]!);
    bytes[bytes.length - 2_000]! ^= 4;
    await writeFile(join(made.folder, 'again.dcm'), bytes);
    expect((await analyse(made)).result.reason?.code).toBe('conflicting-instances');
  });
  test('the same SOP Instance UID again in damaged JPEG-LS is conflicting-instances, and an undamaged copy is the same instance', async () => {
    const made = await makeStudy();
    const copy = join(made.folder, 'again.dcm');
    await promisify(execFile)(requirePeer('gdcmconv'), ['--jpegls', made.study.files[10]!, copy]);
    expect((await analyse(made)).result.sliceScores).toHaveLength(SLICES);
    const bytes = await readFile(copy);
    const codestream = bytes.lastIndexOf(Buffer.from([0xff, 0xda]));
    bytes.fill(0, codestream + Math.floor((bytes.length - codestream) / 2), bytes.length - 20);
    await writeFile(copy, bytes);
    expect((await analyse(made)).result.reason?.code).toBe('conflicting-instances');
  });
  test('the same instance twice, with the same pixels, is analysed once', async () => {
    const made = await makeStudy();
    await copyFile(made.study.files[10]!, join(made.folder, 'again.dcm'));
    const { result } = await analyse(made);
    expect(result.sliceScores).toHaveLength(SLICES);
  });
  test('two frames of reference are mixed-frames-of-reference', async () => {
    expect(
      await reasonFor(
        (dataset, index) => index > 14 && void Object.assign(dataset, { FrameOfReferenceUID: '1.2.3.4' }),
      ),
    ).toBe('mixed-frames-of-reference');
  });
  test('a slice missing in the middle is missing-slices', async () => {
    const made = await makeStudy();
    await writeFile(made.study.files[12]!, '');
    const files = (await findDicomFiles(made.folder)).filter((file) => file !== made.study.files[12]);
    const { result } = await analyseStudy(made.study.studyInstanceUid, files, {
      inference,
      features: noFeatureCache,
      files: localFiles,
    });
    expect(result.reason?.code).toBe('missing-slices');
  });
  test('two slices at one position are duplicate-positions', async () => {
    const positions: unknown[] = [];
    expect(
      await reasonFor((dataset, index) => {
        positions.push(dataset['ImagePositionPatient']);
        if (index === 9) dataset['ImagePositionPatient'] = positions[8];
      }),
    ).toBe('duplicate-positions');
  });
  test('slices that grow thicker on the way up are uneven-slices, because the model never saw such a series', async () => {
    const place: Change = (dataset, index) => {
      const atMm = index < 10 ? index * 3 : 27 + (index - 9) * 6;
      Object.assign(dataset, { ImagePositionPatient: [-115, -115, atMm], SliceThickness: index < 10 ? 3 : 6 });
    };
    expect(await reasonFor(place)).toBe('uneven-slices');
  });
  test('two orientations are mixed-orientations', async () => {
    expect(await reasonFor(at(5, set({ ImageOrientationPatient: [1, 0, 0, 0, 0.995, 0.0999] }) as never))).toBe(
      'mixed-orientations',
    );
  });
  test('another pixel spacing in one slice is mixed-matrices', async () => {
    expect(await reasonFor(at(5, set({ PixelSpacing: [3, 3] }) as never))).toBe('mixed-matrices');
  });
});

describe('other things in the series', () => {
  /** Slices of a phantom that claim to belong to another study's series. */
  async function joining({ study }: Made, seed: number, count: number, change: Change): Promise<PhantomStudy> {
    const { studyInstanceUid: StudyInstanceUID, seriesInstanceUid: SeriesInstanceUID } = study;
    const own = { StudyInstanceUID, SeriesInstanceUID, PatientID: 'PHANTOM-33', FrameOfReferenceUID: '1.2.3.6' };
    return writePhantomStudy({
      out: join(root.path, `joining-${++made}`),
      seed,
      matrix: 64,
      slices: count,
      bleeds: [],
      confounders: [],
      decorate(dataset, index) {
        Object.assign(dataset, own);
        change(dataset, index);
        for (const [keyword, value] of Object.entries(dataset)) if (value === undefined) delete dataset[keyword];
      },
    });
  }
  const head = () => makeStudy(set({ FrameOfReferenceUID: '1.2.3.6' }));

  test.each<[string, DatasetOf, string]>([
    ['a scout that is not called one', { ImageOrientationPatient: [1, 0, 0, 0, 0, -1] }, 'not axial'],
    ['a screen capture', { ImageType: ['DERIVED', 'SECONDARY'] }, 'derived or secondary (reformat, screen capture)'],
    ['a Secondary Capture', { SOPClassUID: '1.2.840.10008.5.1.4.1.1.7' }, 'no CT image'],
  ])('%s is left out and told, and the slices are analysed', async (_name, attributes, why) => {
    const slices = await head();
    const expected = (await analyse(slices)).result.sliceScores;
    const own = { ImagePositionPatient: undefined, SOPInstanceUID: '1.2.3.77', ...attributes };
    const place = 'ImageOrientationPatient' in attributes ? { ImagePositionPatient: [0, 0, 900] } : {};
    const other = await joining(slices, 33, 2, set({ ...own, ...place }));
    await copyFile(other.files[0]!, join(slices.folder, 'other.dcm'));
    const { result } = await analyse(slices);
    expect(result.sliceScores).toEqual(expected);
    expect(result.series).toMatchObject([{ instances: SLICES + 1, reason: null, leftOut: [{ instances: 1, why }] }]);
  });
  test.each<[string, DatasetOf]>([
    ['by its header', { AcquisitionNumber: 2 }],
    ['by its pixels alone', { InstanceNumber: undefined, SliceLocation: undefined }],
  ])('another head half a slice higher is mixed-acquisitions, %s', async (_name, attributes) => {
    const slices = await head();
    const { sliceSpacingMm, slices: places } = slices.study.phantom;
    const other = await joining(slices, 34, SLICES, (dataset, index) => {
      const z = places[index]!.positionMm + sliceSpacingMm / 2;
      const [x, y] = dataset['ImagePositionPatient'] as number[];
      Object.assign(dataset, { SliceLocation: z, ...attributes, ImagePositionPatient: [x, y, z] });
    });
    const files = [...slices.study.files, ...other.files];
    const { result } = await analyseStudy('any', files, { inference, features: noFeatureCache, files: localFiles });
    expect(result.reason?.code).toBe('mixed-acquisitions');
  });
  test('slices that cannot be read beside a localizer are unreadable-instance, not localizer', async () => {
    const slices = await makeStudy(at(0, set({ ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }) as never), 14);
    for (const file of slices.study.files.slice(1)) await writeFile(file, (await readFile(file)).subarray(0, 500));
    expect((await analyse(slices)).result.reason?.code).toBe('unreadable-instance');
  });
});

describe('a study that is not what the model knows', () => {
  test('values that are not Hounsfield units are unsupported-pixel-format', async () => {
    expect(await reasonFor(set({ RescaleType: 'Z_EFF' }))).toBe('unsupported-pixel-format');
  });
  test('a body part that only the Anatomic Region Sequence names counts', async () => {
    const region = (meaning: string) =>
      set({
        BodyPartExamined: '',
        SeriesDescription: '5mm',
        ProtocolName: 'Routine',
        StudyDescription: 'CT',
        AnatomicRegionSequence: [{ CodeValue: '1', CodingSchemeDesignator: 'SCT', CodeMeaning: meaning }],
      });
    expect(await reasonFor(region('Head'))).toBeNull();
    expect(await reasonFor(region('Chest'))).toBe('not-head');
  });
  test('MR is not-ct', async () => {
    expect(await reasonFor(set({ Modality: 'MR', SOPClassUID: '1.2.840.10008.5.1.4.1.1.4' }))).toBe('not-ct');
  });
  test('a chest is not-head', async () => {
    expect(await reasonFor(set({ BodyPartExamined: 'CHEST' }))).toBe('not-head');
  });
  test('a header that names no body part is not-head, because a guess is no answer', async () => {
    expect(
      await reasonFor(
        set({ BodyPartExamined: '', StudyDescription: 'CT', SeriesDescription: 'axial 5 mm', ProtocolName: 'routine' }),
      ),
    ).toBe('not-head');
  });
  test('contrast agent is contrast', async () => {
    expect(await reasonFor(set({ ContrastBolusAgent: 'Iohexol 350' }))).toBe('contrast');
  });
  test('contrast agent that only its sequence names is contrast', async () => {
    const agent = { CodeValue: '7140000', CodingSchemeDesignator: 'SCT', CodeMeaning: 'Iohexol' };
    expect(await reasonFor(set({ ContrastBolusAgentSequence: [agent] }))).toBe('contrast');
  });
  test.each(['BONE', 'BONEPLUS', 'H60s', 'Hr68h', 'FC30', 'YC'])('kernel %s alone is bone-kernel', async (kernel) => {
    expect(await reasonFor(set({ ConvolutionKernel: kernel }))).toBe('bone-kernel');
  });
  test('a localizer alone is localizer', async () => {
    expect(await reasonFor(set({ ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }))).toBe('localizer');
  });
  test('reformatted images are derived', async () => {
    expect(await reasonFor(set({ ImageType: ['DERIVED', 'SECONDARY', 'MPR'] }))).toBe('derived');
  });
  test('CT angiography is angiography-or-perfusion', async () => {
    expect(await reasonFor(set({ SeriesDescription: 'CTA Head 0.6' }))).toBe('angiography-or-perfusion');
  });
  test('coronal slices are not-axial', async () => {
    expect(await reasonFor(set({ ImageOrientationPatient: [1, 0, 0, 0, 0, -1] }))).toBe('not-axial');
  });
  test('eleven slices are too-few-slices', async () => {
    expect(await reasonFor(() => {}, 11)).toBe('too-few-slices');
  });
  test('half a head is incomplete-coverage', async () => {
    expect(
      await reasonFor(
        (dataset, index) =>
          void Object.assign(dataset, { ImagePositionPatient: [-115, -115, index * 2.5], SliceThickness: 2.5 }),
      ),
    ).toBe('incomplete-coverage');
  });
  test('3,000 slices are too-many-slices, without reading their pixels', async () => {
    const made = await makeStudy(() => {}, 12);
    const bytes = await readFile(made.study.files[0]!);
    const uid = Buffer.from(made.study.sopInstanceUids[0]!);
    for (let slice = 0; slice < 3_000; slice++) {
      const copy = Buffer.from(bytes);
      const own = Buffer.from(`${made.study.sopInstanceUids[0]!.slice(0, -4)}${String(1_000 + slice)}`);
      for (let found = copy.indexOf(uid); found !== -1; found = copy.indexOf(uid, found + 1)) own.copy(copy, found);
      await writeFile(join(made.folder, `many-${slice}.dcm`), copy);
    }
    expect((await analyse(made)).result.reason?.code).toBe('too-many-slices');
  }, 120_000);
});

describe('odd but analysable input', () => {
  test.each([
    ['feet first', { PatientPosition: 'FFS', ImageOrientationPatient: [-1, 0, 0, 0, 1, 0] }],
    ['prone', { PatientPosition: 'HFP', ImageOrientationPatient: [-1, 0, 0, 0, -1, 0] }],
    ['rows and columns swapped', { ImageOrientationPatient: [0, 1, 0, 1, 0, 0] }],
    ['an Instance Number that counts nothing', { InstanceNumber: 1 }],
    ['Bits Stored 12 unsigned', { BitsStored: 12, HighBit: 11 }],
    ['12 bit signed', { BitsStored: 12, HighBit: 11, PixelRepresentation: 1, RescaleIntercept: 0 }],
    ['a padding value', { PixelPaddingValue: 0 }],
    ['MONOCHROME1 with a rescale to HU', { PhotometricInterpretation: 'MONOCHROME1' }],
    ['non-square pixels', { PixelSpacing: [3.59375, 3.2] }],
    ['a UTF-8 patient name', { SpecificCharacterSet: 'ISO_IR 192', PatientName: 'Müller^山田' }],
  ] as const)('%s is analysed', async (_name, attributes) => {
    expect(await reasonFor(set({ ...attributes }))).toBeNull();
  });
  test('slices sent from the vertex down give the same findings as from the base up', async () => {
    const made = await makeStudy();
    const files = await findDicomFiles(made.folder);
    const tools = { inference, features: noFeatureCache, files: localFiles };
    const up = await analyseStudy(made.study.studyInstanceUid, files, tools);
    const down = await analyseStudy(made.study.studyInstanceUid, [...files].reverse(), tools);
    expect(down.result).toEqual(up.result);
  });
  test.each([768, 1024])('a matrix of %s is analysed', async (matrix) => {
    const folder = join(root.path, `matrix-${matrix}`);
    const { code } = await runIchor([
      'phantom',
      '--out',
      folder,
      '--seed',
      '31',
      '--bleed',
      'none',
      '--slices',
      '12',
      '--matrix',
      String(matrix),
    ]);
    expect(code).toBe(0);
    const { result } = await analyseStudy('any', await findDicomFiles(folder), {
      inference,
      features: noFeatureCache,
      files: localFiles,
    });
    expect(result.reason).toBeNull();
  });
  test('an enhanced multi-frame series is analysed frame by frame', async () => {
    const folder = join(root.path, 'enhanced');
    const { study } = await makeStudy();
    await writeEnhanced(folder, study);
    const { result } = await analyse({ folder, study });
    expect(result.reason).toBeNull();
    expect(result.sliceScores.map(({ frameNumber }) => frameNumber)).toEqual(
      Array.from({ length: SLICES }, (_, index) => index + 1),
    );
  });
  test('a legacy converted enhanced series is analysed, and its kernel counts where the converter put it', async () => {
    const converted = (kernel: string): DatasetOf => ({
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.2.2',
      BodyPartExamined: undefined,
      own: { UnassignedSharedConvertedAttributesSequence: [{ BodyPartExamined: 'HEAD', ConvolutionKernel: kernel }] },
    });
    const { study } = await makeStudy();
    for (const [kernel, code] of [
      ['H31s', undefined],
      ['H60s', 'bone-kernel'],
    ] as const) {
      const folder = join(root.path, `legacy-${kernel}`);
      await writeEnhanced(folder, study, converted(kernel));
      expect((await analyse({ folder, study })).result.reason?.code).toBe(code);
    }
  });
  test.each([
    '1.2.840.10008.1.2.2',
    '1.2.840.10008.1.2.1.99',
    '1.2.840.10008.1.2.5',
    '1.2.840.10008.1.2.4.70',
    '1.2.840.10008.1.2.4.80',
    '1.2.840.10008.1.2.4.90',
    '1.2.840.10008.1.2.4.201',
  ])('a copy in transfer syntax %s gives identical findings', async (transferSyntaxUid) => {
    const plain = await analyse(await makeStudy());
    const folder = join(root.path, transferSyntaxUid);
    const study = await writePhantomStudy({
      out: folder,
      seed: 33,
      matrix: 64,
      slices: SLICES,
      bleeds: [],
      confounders: [],
      transferSyntaxUid,
    });
    expect((await analyse({ folder, study })).result).toEqual(plain.result);
  });
});

/** The same slices as one Enhanced CT instance (PS3.3 A.38). */
async function writeEnhanced(
  folder: string,
  { phantom, studyInstanceUid, seriesInstanceUid }: PhantomStudy,
  { own, ...changes }: DatasetOf = {},
): Promise<void> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true });
  const pixels = phantom.matrix ** 2;
  const hu = new Int16Array(pixels * SLICES);
  for (const [index, slice] of phantom.slices.entries()) hu.set(slice.hu, index * pixels);
  const dataset: DatasetOf = {
    ImageType: ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE'],
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.2.1',
    SOPInstanceUID: '1.2.3.4.5',
    StudyInstanceUID: studyInstanceUid,
    SeriesInstanceUID: seriesInstanceUid,
    Modality: 'CT',
    BodyPartExamined: 'HEAD',
    FrameOfReferenceUID: '1.2.3.4.6',
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    NumberOfFrames: SLICES,
    Rows: phantom.matrix,
    Columns: phantom.matrix,
    BitsAllocated: 16,
    BitsStored: 16,
    HighBit: 15,
    PixelRepresentation: 1,
    RescaleIntercept: 0,
    RescaleSlope: 1,
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [{ ImageOrientationPatient: [1, 0, 0, 0, 1, 0] }],
        PixelMeasuresSequence: [
          { PixelSpacing: [phantom.pixelSpacingMm, phantom.pixelSpacingMm], SliceThickness: phantom.sliceSpacingMm },
        ],
        PixelValueTransformationSequence: [{ RescaleIntercept: 0, RescaleSlope: 1, RescaleType: 'HU' }],
        ...(own as DatasetOf | undefined),
      },
    ],
    PerFrameFunctionalGroupsSequence: phantom.slices.map((slice) => ({
      PlanePositionSequence: [{ ImagePositionPatient: [-115, -115, slice.positionMm] }],
      CTImageFrameTypeSequence: [{ FrameType: ['ORIGINAL', 'PRIMARY', 'AXIAL', 'NONE'] }],
    })),
  };
  Object.assign(dataset, changes);
  for (const [keyword, value] of Object.entries(dataset)) if (value === undefined) delete dataset[keyword];
  await writeFile(join(folder, 'enhanced.dcm'), await encodePart10(dataset, hu));
}
