/** Reports and heat maps, judged by people who did not write them: dicom3tools, dcmtk, PixelMed, highdicom. */

import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { isOwnObject } from '@ichor/dicom/ownObjects';
import { readPart10 } from '@ichor/dicom/readPart10';
import { writeObjects } from '@ichor/report/writeObjects';
import { loadConfig } from '@ichor/settings/config';
import { HEMORRHAGE } from '@ichor/shared/target';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runIchor } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { requirePython } from '../support/python.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const CONFIG = loadConfig({
  ICHOR_DESTINATIONS: 'ONE@127.0.0.1:1,TWO@127.0.0.1:2?sr=comprehensive,THREE@127.0.0.1:3?title=measurement',
});
const FORMER = {
  sopClassUid: '1.2.840.10008.5.1.4.1.1.88.34',
  sopInstanceUid: '1.2.3.1',
  seriesInstanceUid: '1.2.3.2',
};
const PIXELMED = [
  '-Djdk.xml.xpathTotalOpLimit=0',
  '-Djdk.xml.xpathExprOpLimit=0',
  '-Djdk.xml.xpathExprGrpLimit=0',
  '-cp',
  '/usr/share/java/pixelmed.jar',
  'com.pixelmed.validate.DicomSRValidator',
];

let folder: WorkFolder;
let inference: Inference;
const studies = new Map<
  string,
  { analysed: AnalysedStudy; reports: string[]; heatmaps: string[]; sources: string[] }
>();

beforeAll(async () => {
  folder = await openWorkFolder('report');
  inference = await startInference(loadConfig({}), silentLog);
  await make('with-a-bleed', ['--bleed', 'subdural,intraventricular'], 24);
  await make('without', ['--bleed', 'none'], 24);
  await make('not-analysed', ['--bleed', 'none'], 11);
}, 120_000);
afterAll(async () => {
  await inference.close();
  await folder.remove();
});

async function make(name: string, options: readonly string[], slices: number): Promise<void> {
  const out = join(folder.path, name);
  const made = await runIchor([
    'phantom',
    '--out',
    out,
    '--seed',
    '17',
    '--slices',
    String(slices),
    '--matrix',
    '256',
    ...options,
  ]);
  expect(made.code).toBe(0);
  const sources = await findDicomFiles(out);
  const analysed = await analyseStudy('any', sources, { inference, features: noFeatureCache, files: localFiles });
  const objects = await writeObjects(analysed, CONFIG, name === 'without' ? FORMER : null);
  const paths = await Promise.all(
    objects.map(async ({ kind, sopInstanceUid, bytes }) => {
      const path = join(folder.path, `${name}-${kind}-${sopInstanceUid}.dcm`);
      await writeFile(path, bytes);
      return { kind, path };
    }),
  );
  const of = (kind: string): string[] => paths.filter((one) => one.kind === kind).map(({ path }) => path);
  studies.set(name, { analysed, reports: of('SR'), heatmaps: of('SC'), sources });
}

describe.each(['with-a-bleed', 'without', 'not-analysed'])('the objects of a study %s', (name) => {
  test('are three reports, of both types and both titles, and heat maps only of what was found', () => {
    const { reports, heatmaps, analysed } = studies.get(name)!;
    expect(reports).toHaveLength(3);
    expect(heatmaps.length > 0).toBe(analysed.result.state === 'flagged');
  });
  test('pass dciodvfy, dsrdump and the PixelMed validator without an error', async () => {
    const { reports, heatmaps } = studies.get(name)!;
    for (const path of [...reports, ...heatmaps])
      expect(spawnSync('dciodvfy', ['-new', path], { encoding: 'utf8' }).stderr).not.toMatch(/^Error/m);
    for (const path of reports) {
      expect(spawnSync('dsrdump', [path]).status).toBe(0);
      const { stdout, stderr } = await promisify(execFile)('java', [...PIXELMED, path]);
      expect(stdout + stderr).toMatch(/Found Root Template TID_1500/);
      expect(stdout + stderr).not.toMatch(/Error:|illegal relationship/);
    }
  });
  test('have nothing but Presence, or why there is none, that TID 1500 does not know, when titled as a measurement report', async () => {
    const { stdout } = await promisify(execFile)('java', [...PIXELMED, studies.get(name)!.reports[2]!]);
    const unknown = stdout.split('\n').filter((line) => line.includes('Content Item not in template'));
    expect(stdout).toContain('126000');
    expect(unknown.filter((line) => !/\(705057003,SCT,"Presence"\)|\(121106,DCM,"Comment"\)/.test(line))).toEqual([]);
  });
  test('agree with their source images about patient, study and frame of reference, as dcentvfy sees it', () => {
    const { reports, heatmaps, sources } = studies.get(name)!;
    const { stdout, stderr } = spawnSync('dcentvfy', [...sources, ...reports, ...heatmaps], { encoding: 'utf8' });
    expect(stdout + stderr).not.toMatch(/^Error/m);
  });
  test('are recognised as our own', async () => {
    const { reports, heatmaps } = studies.get(name)!;
    for (const path of [...reports, ...heatmaps])
      expect(isOwnObject(readPart10(await readFile(path), path).dataset)).toBe(true);
  });
});

test('highdicom reads back the scores, the presence and the key slices that were written', async () => {
  for (const name of ['with-a-bleed', 'without']) {
    const { analysed, reports } = studies.get(name)!;
    const read = JSON.parse(
      (await promisify(execFile)(requirePython(), ['-c', READ_BACK, reports[0]!])).stdout,
    ) as Record<string, { score: number; presence: string; images: string[] }>;
    const findings = analysed.result.findings!;
    const percent = (score: number) => Math.round(score * 1000) / 10;
    expect(Object.values(read).map(({ score }) => score)).toEqual(
      [
        findings.any,
        findings.epidural,
        findings.intraparenchymal,
        findings.intraventricular,
        findings.subarachnoid,
        findings.subdural,
      ].map((finding) => percent(finding!.score)),
    );
    const notNamed = findings.any!.present ? 'Undetermined' : 'Absent';
    for (const { name: finding, meaning } of HEMORRHAGE.classes)
      expect(read[meaning]!.presence).toBe(findings[finding]!.present ? 'Present' : notNamed);
    expect(read['Subdural hemorrhage']!.images).toEqual(
      analysed.result.keySlices
        .filter(({ finding }) => finding === 'subdural')
        .map(({ sopInstanceUid }) => sopInstanceUid),
    );
  }
});

test('a report of a study that was not analysed says why, and never that it is clear', () => {
  const text = spawnSync('dsrdump', ['+Pl', studies.get('not-analysed')!.reports[0]!], { encoding: 'utf8' }).stdout;
  expect(text).toContain('NOT ANALYSED, because: The series has fewer than 12 slices');
  expect(text).not.toContain('No suspicion');
});

test('a new revision names the report that it supersedes', async () => {
  const path = studies.get('without')!.reports[0]!;
  const [predecessor] = readPart10(await readFile(path), path).dataset.items('PredecessorDocumentsSequence');
  expect(
    predecessor
      ?.items('ReferencedSeriesSequence')[0]
      ?.items('ReferencedSOPSequence')[0]
      ?.text('ReferencedSOPInstanceUID'),
  ).toBe(FORMER.sopInstanceUid);
});

test('writing the objects of a result twice makes the same UIDs', async () => {
  const { analysed } = studies.get('with-a-bleed')!;
  const uids = async () => (await writeObjects(analysed, CONFIG, null)).map(({ sopInstanceUid }) => sopInstanceUid);
  expect(await uids()).toEqual(await uids());
});

const READ_BACK = `
import json, sys, highdicom as hd
sr = hd.sr.srread(sys.argv[1])
def name(item): return item.ConceptNameCodeSequence[0].CodeMeaning
out = {}
for group in [g for c in sr.ContentSequence if name(c) == 'Imaging Measurements' for g in c.ContentSequence]:
    items = {name(i): i for i in group.ContentSequence}
    out[items['Tracking Identifier'].TextValue] = {
        'score': float(items['Certainty of Finding'].MeasuredValueSequence[0].NumericValue),
        'presence': items['Presence'].ConceptCodeSequence[0].CodeMeaning,
        'images': [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in group.ContentSequence if i.ValueType == 'IMAGE'],
    }
groups = sr.content.get_image_measurement_groups()
assert len(groups) == 6, len(groups)
print(json.dumps(out))
`;
