/** Label files as people have them: three layouts, and everything that can be wrong with them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { matchLabels } from '@ichor/evaluation/labels/matchLabels';
import { readLabels } from '@ichor/evaluation/labels/readLabels';
import { readReaders } from '@ichor/evaluation/labels/readReaders';
import type { SurveyedStudy } from '@ichor/evaluation/predictions/surveyStudies';
import { IchorError } from '@ichor/shared/errors';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
beforeAll(async () => {
  folder = await openWorkFolder('labels');
});
afterAll(() => folder?.remove());

async function csv(text: string, name = `${Math.random()}.csv`): Promise<string> {
  const path = join(folder.path, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  return path;
}
const CLASSES = 'epidural,intraparenchymal,intraventricular,subarachnoid,subdural,any';
const instance = (sopInstanceUid: string, path: string) => ({
  sopInstanceUid,
  seriesInstanceUid: null,
  path,
  missing: [],
});
const study = (name: string, patient: string | null, ...slices: string[]): SurveyedStudy => ({
  studyInstanceUid: name,
  inputDigest: name,
  patient,
  paths: slices.map((slice) => join(folder.path, name, `${slice}.dcm`)),
  instances: slices.map((slice) => instance(slice, join(folder.path, name, `${slice}.dcm`))),
});
const two = (): SurveyedStudy[] => [study('1.1', 'p1', '1.1.1', '1.1.2'), study('1.2', 'p2', '1.2.1', '1.2.2')];
const rsnaRows = (uid: string, bits: string): string =>
  CLASSES.split(',')
    .map((name, index) => `ID_${uid}_${name},${bits[index]}`)
    .join('\n');

describe('the three layouts say the same', () => {
  test('RSNA, by SOP Instance UID, file name and study', async () => {
    const rows: [string, string][] = [
      ['1.1.1', '000000'],
      ['1.1.2', '000011'],
      ['1.2.1', '000000'],
      ['1.2.2', '000000'],
    ];
    const bits = (text: string): string => text.split('').join(',');
    const files = {
      rsna: await csv(`ID,Label\n${rows.map(([uid, own]) => rsnaRows(uid, own)).join('\n')}\n`),
      slice: await csv(`SOPInstanceUID,${CLASSES}\r\n${rows.map(([uid, own]) => `${uid},${bits(own)}`).join('\r\n')}`),
      file: await csv(`any,file,subdural,${CLASSES.replace(',subdural,any', '')}
${rows.map(([uid, own]) => `${own[5]},"${uid.slice(0, 3)}/${uid}.dcm",${own[4]},0,0,0,0`).join('\n')}`),
      study: await csv(`study_instance_uid,${CLASSES}\n1.1,${bits('000011')}\n1.2,${bits('000000')}\n`),
    };
    for (const [name, file] of Object.entries(files)) {
      const data = matchLabels(await readLabels([file]), two());
      expect(data.studies.map(({ truth }) => truth)).toEqual([
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0],
      ]);
      expect(data).toMatchObject({ patients: 2, patientFrom: 'Patient ID', labelsWithoutImage: 0 });
      expect(data.studies[0]!.slices.size).toBe(name === 'study' ? 0 : 2);
    }
  });

  test('the SOP Instance UIDs of the Kaggle files, which begin with ID_ themselves', async () => {
    const labels = await readLabels([await csv(`ID,Label\n${rsnaRows('00abc', '100001')}\n`)]);
    expect(matchLabels(labels, [study('ID_s', 'p', 'ID_00abc')]).studies[0]!.truth).toEqual([1, 0, 0, 0, 0, 1]);
  });

  test('a folder stands for every labels.csv in it, and a name means the file beside its table', async () => {
    for (const name of ['1.1', '1.2'])
      await csv(
        `file,patientId,${CLASSES}\nslice.dcm,p${name},0,0,0,0,0,${Number(name === '1.2')}\n`,
        `many/${name}/labels.csv`,
      );
    const studies = ['1.1', '1.2'].map((name): SurveyedStudy => {
      const path = join(folder.path, 'many', name, 'slice.dcm');
      return { ...study(name, null), paths: [path], instances: [instance(`${name}.1`, path)] };
    });
    const data = matchLabels(await readLabels([join(folder.path, 'many')]), studies);
    expect(data.studies.map(({ truth }) => truth[5])).toEqual([0, 1]);
    expect(data.patientFrom).toBe('label file');
  });
});

describe('what finds no partner is counted', () => {
  test('labels without image, studies without label, slices without label, contradictions', async () => {
    const file = await csv(`SOPInstanceUID,patient,${CLASSES}\n1.1.1,a,0,0,0,0,1,0\n9.9.9,b,0,0,0,0,0,0\n`);
    const labels = await readLabels([file]);
    expect(labels.inconsistent).toBe(1);
    expect(matchLabels(labels, two())).toMatchObject({
      labels: 2,
      labelsWithoutImage: 1,
      studiesWithoutLabel: ['1.2'],
      instancesWithoutLabel: 1,
      patients: 1,
      patientFrom: 'label file',
    });
  });

  test('studies of one patient are one patient, and without any Patient ID every study is one', async () => {
    const labels = await readLabels([await csv(`StudyInstanceUID,${CLASSES}\n1,0,0,0,0,0,0\n2,0,0,0,0,0,0\n`)]);
    expect(matchLabels(labels, [study('1', 'p', '1.1'), study('2', 'p', '2.1')]).patients).toBe(1);
    expect(matchLabels(labels, [study('1', null, '1.1'), study('2', 'p', '2.1')])).toMatchObject({
      patients: 2,
      patientFrom: 'study',
    });
  });
});

describe('what is wrong is said with its place', () => {
  const refused = async (promise: Promise<unknown>): Promise<string> => {
    const error = await promise.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(IchorError);
    expect((error as IchorError).code).toBe('INPUT_UNUSABLE');
    return (error as IchorError).message;
  };

  test.each([
    ['nothing', '', /it is empty/],
    ['a header alone', `SOPInstanceUID,${CLASSES}\n`, /it holds no label/],
    ['unknown columns', 'uid,bleed\n1,1\n', /columns uid, bleed, but none for epidural.*docs\/evaluate\.md/],
    ['a missing class', `SOPInstanceUID,${CLASSES.replace(',subdural', '')}\n1,0,0,0,0,0\n`, /none for subdural/],
    ['no column that says whom', `${CLASSES}\n0,0,0,0,0,0\n`, /SOPInstanceUID, file or StudyInstanceUID/],
    ['a column twice', `file,${CLASSES},Any\n`, /two columns "any"/],
    ['a probability', `file,${CLASSES}\na,0,0,0,0,0,0\nb,0,0,0,0,0,0.7\n`, /line 3, .*any is "0\.7" where 0 or 1/],
    ['an empty cell', `file,${CLASSES}\na,0,0,0,0,,0\n`, /line 2, .*subdural is ""/],
    ['a short row', `file,${CLASSES}\na,0,0\n`, /line 2, .*3 cells where the header has 7/],
    ['an open quotation mark', `file,${CLASSES}\n"a,0,0,0,0,0,0\n`, /line 2, .*never closed/],
    ['a row without UID', `SOPInstanceUID,${CLASSES}\n,0,0,0,0,0,0\n`, /line 2, .*sopinstanceuid is empty/],
    ['two rows that disagree', `file,${CLASSES}\na,0,0,0,0,0,0\na,0,0,0,0,0,1\n`, /two rows for a .*disagree/],
    ['an RSNA row of an unknown class', 'ID,Label\nID_1_fracture,1\n', /line 2, .*ID_1_fracture.*not of the form/],
    ['an RSNA instance without all classes', 'ID,Label\nID_1_any,1\n', /ID_1 has no row for epidural/],
  ])('%s', async (_, text, message) => {
    expect(await refused(readLabels([await csv(text)]))).toMatch(message);
  });

  test('a file that is not there, a folder without labels.csv, and two layouts', async () => {
    expect(await refused(readLabels([join(folder.path, 'nowhere.csv')]))).toMatch(/nowhere\.csv cannot be used/);
    await mkdir(join(folder.path, 'bare'), { recursive: true });
    expect(await refused(readLabels([join(folder.path, 'bare')]))).toMatch(/no labels\.csv/);
    const slices = await csv(`file,${CLASSES}\na,0,0,0,0,0,0\n`);
    const studies = await csv(`StudyInstanceUID,${CLASSES}\na,0,0,0,0,0,0\n`);
    expect(await refused(readLabels([slices, studies]))).toMatch(/one row per study.*one row per slice/);
  });

  test('labels of other images, and a file name that stands for two files', async () => {
    const foreign = await readLabels([await csv(`SOPInstanceUID,${CLASSES}\n7,0,0,0,0,0,0\n`)]);
    expect(await refused(Promise.resolve().then(() => matchLabels(foreign, two())))).toMatch(/none of its labels/);
    const namesakes = [study('1.1', null, 'x'), study('1.2', null, 'x')];
    const labels = await readLabels([await csv(`file,${CLASSES}\nx.dcm,0,0,0,0,0,0\n`)]);
    expect(await refused(Promise.resolve().then(() => matchLabels(labels, namesakes)))).toMatch(/name of 2 files/);
  });

  test('readers: no reader, no class, the same case twice, nothing that was labelled', async () => {
    const read = async (text: string): Promise<string> => refused(readReaders(await csv(text), two()));
    expect(await read('StudyInstanceUID,any\n1.1,1\n')).toMatch(/needed are "reader"/);
    expect(await read('reader,StudyInstanceUID,fracture\nA,1.1,1\n')).toMatch(/at least one of epidural/);
    expect(await read('reader,StudyInstanceUID,any\nA,1.1,1\nA,1.1,1\n')).toMatch(/line 3, .*A has read this before/);
    expect(await read('reader,StudyInstanceUID,any\nA,9,1\n')).toMatch(/none of its rows/);
    expect(await read('reader,StudyInstanceUID,any\nA,1.1,perhaps\n')).toMatch(/any is "perhaps"/);
  });

  test('a class that a reader left empty is not judged, neither present nor absent', async () => {
    const { readings, withoutImage } = await readReaders(
      await csv('reader,SOPInstanceUID,subdural,any\nA,1.1.1,,1\nA,9,0,0\n'),
      two(),
    );
    expect([readings, withoutImage]).toEqual([
      [{ reader: 'A', study: 0, sopInstanceUid: '1.1.1', calls: [null, null, null, null, null, 1] }],
      1,
    ]);
  });
});
