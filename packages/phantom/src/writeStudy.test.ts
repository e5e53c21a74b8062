import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPart10 } from '@ichor/dicom/readPart10';
import { isValidUid } from '@ichor/dicom/uid';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runPhantomCommand } from './phantomCommand.ts';
import { type PhantomStudy, type PhantomStudyOptions, writePhantomStudy } from './writeStudy.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ichor-phantom-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, more: Partial<PhantomStudyOptions> = {}): Promise<PhantomStudy> =>
  writePhantomStudy({ out: join(folder, name), seed: 7, slices: 12, matrix: 96, bleeds: ['epidural'], ...more });

const rowsOf = async (name: string, table: string): Promise<Record<string, string>[]> => {
  const [head, ...lines] = (await readFile(join(folder, name, table), 'utf8')).trim().split('\n');
  const names = head!.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((value, index) => [names[index], value])));
};

describe('a phantom study', () => {
  test('says on every instance that it is synthetic, and lies in one series of rising positions', async () => {
    const { files, studyInstanceUid, seriesInstanceUid } = await write('marked');
    const datasets = await Promise.all(files.map(async (file) => readPart10(await readFile(file), file).dataset));
    for (const dataset of datasets) {
      expect(dataset.text('Manufacturer')).toBe('Ichor phantom');
      expect(dataset.text('PatientName')).toMatch(/^PHANTOM\^SYNTHETIC/);
      expect(dataset.text('PatientComments')).toContain('NOT A PATIENT');
      expect([dataset.text('StudyInstanceUID'), dataset.text('SeriesInstanceUID')]).toEqual([
        studyInstanceUid,
        seriesInstanceUid,
      ]);
      expect(dataset.texts('ImageType')).toEqual(['ORIGINAL', 'PRIMARY', 'AXIAL']);
    }
    const heights = datasets.map((dataset) => dataset.numbers('ImagePositionPatient')[2]!);
    expect(heights).toEqual([...heights].sort((one, other) => one - other));
  });

  test('has valid UIDs: the same when made again, new ones with another salt', async () => {
    const [first, again, salted] = [await write('a'), await write('b'), await write('c', { uidSalt: 'second visit' })];
    const uids = ({ studyInstanceUid, seriesInstanceUid, sopInstanceUids }: PhantomStudy): string[] => [
      studyInstanceUid,
      seriesInstanceUid,
      ...sopInstanceUids,
    ];
    expect(uids(first).every(isValidUid)).toBe(true);
    expect(uids(again)).toEqual(uids(first));
    expect(uids(salted).filter((uid) => uids(first).includes(uid))).toEqual([]);
    expect(new Set(uids(first)).size).toBe(uids(first).length);
  });

  test('tells in labels.csv and bleeds.csv what each slice shows, and where', async () => {
    const { phantom, sopInstanceUids } = await write('tables');
    const labels = await rowsOf('tables', 'labels.csv');
    expect(labels.map((row) => [row['sopInstanceUid'], row['epidural'], row['subdural'], row['any']])).toEqual(
      phantom.slices.map((slice, index) => [
        sopInstanceUids[index],
        String(Number(slice.labels[0])),
        '0',
        String(Number(slice.labels[5])),
      ]),
    );
    const bleeds = await rowsOf('tables', 'bleeds.csv');
    expect(bleeds.map((row) => row['file'])).toEqual(
      labels.filter((row) => row['any'] === '1').map((row) => row['file']),
    );
    for (const row of bleeds) {
      const { mask } = phantom.slices[sopInstanceUids.indexOf(row['sopInstanceUid']!)]!;
      const inside = [...mask.keys()].filter((index) => mask[index] === 1);
      const rows = inside.map((index) => Math.floor(index / 96));
      expect([Number(row['minRow']), Number(row['maxRow'])]).toEqual([Math.min(...rows), Math.max(...rows)]);
      expect(Number(row['areaMm2'])).toBeCloseTo(inside.length * phantom.pixelSpacingMm ** 2, 0);
    }
  });

  test('lets a test change an attribute before it is written', async () => {
    const { files } = await write('changed', { decorate: (dataset) => Object.assign(dataset, { Modality: 'MR' }) });
    expect(readPart10(await readFile(files[3]!), files[3]!).dataset.text('Modality')).toBe('MR');
  });

  test('in a transfer syntax nobody can write is refused, and the error lists the others', async () => {
    await expect(write('mpeg', { transferSyntaxUid: '1.2.840.10008.1.2.4.102' })).rejects.toMatchObject({
      code: 'TRANSFER_SYNTAX_UNSUPPORTED',
      message: expect.stringContaining('1.2.840.10008.1.2.4.80'),
    });
  });
});

describe('ichor phantom', () => {
  const command = { seed: 40, bleed: 'none', confounders: 'none', slices: 2, matrix: 64 };

  test('writes successive seeds into folders of their own', async () => {
    const made: number[] = [];
    await runPhantomCommand({ ...command, out: join(folder, 'many'), studies: 2 }, ({ phantom }) => {
      made.push(phantom.seed);
    });
    expect(made).toEqual([40, 41]);
    expect(await rowsOf('many/seed-000041', 'labels.csv')).toHaveLength(2);
  });

  test('names the bleed it does not know', async () => {
    const wrong = { ...command, out: join(folder, 'wrong'), studies: 1, bleed: 'subdural,epistaxis' };
    await expect(runPhantomCommand(wrong, () => {})).rejects.toThrow(/does not know epistaxis/);
  });
});
