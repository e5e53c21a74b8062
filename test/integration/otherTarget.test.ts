/** A bundle that looks for something else, and says so in its manifest, from its graphs to everything that is told of a study. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { openBundles } from '@ichor/evaluation/openBundles';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { loadConfig } from '@ichor/settings/config';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { HEMORRHAGE, targetOf } from '@ichor/shared/target';
import { objectStore } from '@ichor/store/files/openStores';
import { addFeedback, listFeedback } from '@ichor/store/rows/feedback';
import { listTargets } from '@ichor/store/rows/modelTarget';
import { leadingKeySlice, listRevisions } from '@ichor/store/rows/result';
import { listStudies } from '@ichor/store/studyPage';
import { findStudy, resultView } from '@ichor/store/studyView';
import { writeOru } from '@ichor/worker/notification/hl7Message';
import { writeLetter } from '@ichor/worker/notification/mail';
import { triageStudy } from '@ichor/worker/triageStudy';
import { figures } from '@ichor/worklist/figures';
import { parseStudyQuery } from '@ichor/worklist/queries';
import { studyDetail } from '@ichor/worklist/studyDetail';
import { jsonSchemas } from '@ichor/worklist/studySchema';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { runIchor } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { openTriageBench, type TriageBench } from '../support/triage.ts';
import { BRIGHT, writeTwoClassBundle } from '../support/twoClassBundle.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let bench: TriageBench;
let folder: WorkFolder;
let inference: Inference;
const uids = { bright: '', clear: '', short: '' };
beforeAll(async () => {
  [bench, folder] = [await openTriageBench(), await openWorkFolder('two-classes')];
  const bundle = await writeTwoClassBundle(join(folder.path, 'bundle'));
  inference = await startInference(loadConfig({ ICHOR_MODEL: bundle }), silentLog);
  uids.bright = await triaged(17, { bleeds: ['intraparenchymal'], ...BRIGHT });
  uids.clear = await triaged(17, { bleeds: [], ...BRIGHT });
  uids.short = await triaged(19, { slices: 5 });
});
afterAll(async () => {
  await inference?.close();
  await bench?.stop();
  await folder?.remove();
});

async function triaged(seed: number, phantom: Parameters<TriageBench['addStudy']>[1]): Promise<string> {
  const job = await bench.addStudy(seed, phantom);
  await triageStudy(bench.context({ inference }), job, true);
  return job.studyInstanceUid;
}
const see = (uid: string) => findStudy(bench.database, uid);
const detailOf = (uid: string) => studyDetail({ ...bench, objects: objectStore(bench) }, uid, null);
const linesOf = async (uid: string): Promise<string[]> =>
  (await detailOf(uid)).report.map(({ name, value }) => `${name}: ${value}`);

test('its own classes are found, in its order, and the one that it names decides', async () => {
  const [bright, clear] = [await see(uids.bright), await see(uids.clear)];
  expect([bright.state, clear.state]).toEqual(['flagged', 'clear']);
  expect(Object.keys(bright.findings!)).toEqual(['spot', 'large']);
  expect(bright.findings).toMatchObject({ spot: { present: true }, large: { present: true } });
  expect(clear.findings).toMatchObject({ spot: { present: false }, large: { present: false } });
  expect(new Set(bright.keySlices.map(({ finding }) => finding))).toEqual(new Set(['spot', 'large']));
  expect((await leadingKeySlice(bench.database, uids.bright))?.finding).toBe('large');
  expect((await listRevisions(bench.database, uids.bright))[0]!.score).toBeCloseTo(bright.findings!.spot!.score, 10);
});

test('report and heat maps speak of what it looks for, and dciodvfy finds no error in them', async () => {
  const lines = await linesOf(uids.bright);
  expect(lines[0]).toBe('Bright Spots Triage Report: ');
  expect(lines.filter((line) => line.startsWith('Tracking Identifier'))).toEqual([
    'Tracking Identifier: Bright spot',
    'Tracking Identifier: Large bright spot',
  ]);
  expect(lines.filter((line) => line.startsWith('Finding'))).toEqual([
    'Finding: Lesion',
    'Finding Site: Head',
    'Finding: Lesion',
    'Finding Site: Head',
  ]);
  expect(lines.find((line) => line.startsWith('Conclusion'))).toMatch(
    /^Conclusion: FLAGGED: suspicion of bright spots \(score [\d.]+ %\)\. Suspected: Large bright spot \(score [\d.]+ %\)\.$/,
  );
  expect((await linesOf(uids.clear)).join('\n')).toContain('No suspicion of bright spots was raised');
  const { rows } = await bench.database.pool.query('SELECT object_path FROM derived_object');
  expect(rows.length).toBeGreaterThan(3);
  for (const { object_path } of rows) {
    const path = join(bench.dataDir, 'objects', object_path);
    expect(spawnSync('dciodvfy', ['-new', path], { encoding: 'utf8' }).stderr).not.toMatch(/^Error/m);
  }
});

test('the report of a study that is not analysed names what was asked', async () => {
  expect((await see(uids.short)).state).toBe('not-analysed');
  const lines = await linesOf(uids.short);
  expect(lines).toContain('Tracking Identifier: Bright spot');
  expect(lines.join('\n')).not.toMatch(/hemorrhage/i);
  expect(lines.join('\n')).toContain('not the extent of a spot.');
});

test('HL7 and mail name its classes with its codes', async () => {
  const { rows } = await bench.database.pool.query('SELECT result_id FROM study WHERE study_instance_uid = $1', [
    uids.bright,
  ]);
  const envelope = { app: 'PACS', facility: '', controlId: '1', createdAt: new Date(), correction: false };
  const message = writeOru(await resultView(bench.database, Number(rows[0].result_id)), envelope);
  const codes = message
    .split('\r')
    .flatMap((line) => (line.startsWith('OBX') ? [line.split('|')[3]!.split('^')[0]] : []));
  expect(codes).toEqual([
    ...['113014', 'SPOT-TRIAGE', 'SPOT-SPOT', 'SPOT-SPOT-SCORE', 'SPOT-LARGE', 'SPOT-LARGE-SCORE', '111001', '111003'],
  ]);
  expect(message).toContain('flagged^Suspected bright spots^99ICHOR');
  const letter = writeLetter(await see(uids.bright), null);
  expect(letter.subject).toBe('Ichor: suspected bright spots (not for diagnostic use)');
  expect(letter.text).toMatch(/- Bright spot: score .*\n- Large bright spot: score /);
});

test('the API gives its target with the model, and its schemas describe studies of both targets', async () => {
  const targets = await listTargets(bench.database);
  expect(targets).toEqual([HEMORRHAGE, targetOf(inference.model)]);
  const ajv = new Ajv2020({ validateFormats: false });
  const schemas = jsonSchemas(targets);
  const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  for (const uid of Object.values(uids)) {
    expect(ajv.compile(schemas.study)(asJson(await see(uid)))).toBe(true);
    expect(ajv.compile(schemas.detail)(asJson(await detailOf(uid)))).toBe(true);
  }
  const { model, findings, ...study } = await see(uids.bright);
  expect(model!.target).toMatchObject({ decides: 'spot', classes: [{ name: 'spot' }, { name: 'large' }] });
  const mixed = { ...findings, subdural: { score: 0.5, threshold: 0.5, present: true } };
  expect(ajv.compile(schemas.study)(asJson({ ...study, model, findings: mixed }))).toBe(false);
});

test('the list can be filtered by its classes, and by no others', async () => {
  const names = (await listTargets(bench.database)).flatMap(({ classes }) => classes.map(({ name }) => name));
  const { studies } = await listStudies(bench.database, parseStudyQuery({ finding: 'large' }, names));
  expect(studies.map(({ studyInstanceUid }) => studyInstanceUid)).toEqual([uids.bright]);
  expect(() => parseStudyQuery({ finding: 'tumour' }, names)).toThrow(
    /finding must be one of epidural, .*, any, spot, large/,
  );
});

test('readers judge its findings, and the figures count what decides', async () => {
  const reader = { name: 'ada', displayName: 'Ada' };
  const given = { verdict: 'agree', comment: '' } as const;
  await addFeedback(bench.database, uids.bright, { finding: 'spot', ...given }, reader);
  await expect(addFeedback(bench.database, uids.bright, { finding: 'subdural', ...given }, reader)).rejects.toThrow(
    'this study has no finding "subdural" to judge',
  );
  expect(await listFeedback(bench.database, uids.bright)).toMatchObject([{ finding: 'spot', verdict: 'agree' }]);
  const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const { deciding, ppv, agreement, scores } = await figures(bench.database, { from: day(-1), to: day(1) });
  expect(deciding).toEqual(['any hemorrhage', 'spot']);
  expect(ppv).toMatchObject([{ hits: 1, of: 1 }]);
  expect(agreement).toMatchObject([{ finding: 'spot', agree: 1 }]);
  expect(scores).toMatchObject([{ studies: 2, p90: expect.any(Number) }]);
});

test('what was written of a result is written again from the database alone', async () => {
  const before = await linesOf(uids.bright);
  await bench.database.pool.query("UPDATE result SET objects = 'due', objects_due_at = now() WHERE state = 'flagged'");
  const { writeDueObjects } = await import('@ichor/worker/objects/writeDueObjects');
  await writeDueObjects(bench.context({ inference }), () => false);
  expect(await linesOf(uids.bright)).toEqual(before);
});

test('an evaluation, which has labels for the six classes only, refuses it with the reason', async () => {
  await expect(openBundles([join(folder.path, 'bundle')], FINDING_CLASSES)).rejects.toThrow(
    /it looks for spot, large; there are labels and words for epidural, /,
  );
});

test('ichor predict writes its scores under the names of its classes', async () => {
  const [bundle, ct] = [join(folder.path, 'bundle'), join(folder.path, 'ct')];
  const { slices, matrix } = BRIGHT;
  await writePhantomStudy({ out: ct, seed: 17, bleeds: ['intraparenchymal'], slices, matrix });
  const { code, stdout } = await runIchor(['predict', ct, '--bundle', bundle]);
  expect(code).toBe(0);
  const [head, study, ...rows] = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  expect(head!.slice(-4)).toEqual(['spot', 'large', 'cnn_spot', 'cnn_large']);
  const { findings } = await see(uids.bright);
  expect(study!.slice(-4, -2).map(Number)).toEqual([findings!.spot!.score, findings!.large!.score]);
  expect(rows).toHaveLength(slices);
});

test('a bundle whose classes are not the six must say what they are', async () => {
  const bundle = await writeTwoClassBundle(join(folder.path, 'silent'));
  const path = join(bundle, 'manifest.json');
  const { target: _, ...silent } = (await import(path, { with: { type: 'json' } })).default;
  await writeFile(path, JSON.stringify(silent));
  await expect(startInference(loadConfig({ ICHOR_MODEL: bundle }), silentLog)).rejects.toThrow(
    /classes are spot, large: a bundle that looks for anything but epidural, .* must say in "target"/,
  );
});
