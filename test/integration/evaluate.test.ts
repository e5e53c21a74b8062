/** `ichor evaluate` as a person runs it, on phantoms, through the bundle of the repository. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evaluation } from '@ichor/evaluation/evaluation';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ROOT, runIchor } from '../support/ichor.ts';
import { runPython } from '../support/python.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
const at = (...parts: string[]): string => join(folder.path, ...parts);
/** Labels of every slice, as `ichor phantom` wrote them. */
let rows: Record<string, string>[];
let first: { evaluation: Evaluation; stdout: string; stderr: string };

beforeAll(async () => {
  folder = await openWorkFolder('evaluate');
  const make = (name: string, ...options: string[]) =>
    runIchor(['phantom', '--out', at('images', name), '--matrix', '256', ...options]);
  await make('with', '--slices', '16', '--studies', '2', '--seed', '501', '--bleed', 'intraparenchymal,subdural');
  await make('without', '--slices', '16', '--studies', '2', '--seed', '511');
  await make('few', '--slices', '6', '--seed', '521', '--bleed', 'subdural');
  rows = await allLabels(at('images'));
  first = await run(['--labels', at('images'), '--out', at('out')]);
});
afterAll(() => folder?.remove());

async function run(options: readonly string[], dir = at('images')) {
  const { code, stdout, stderr } = await runIchor(['evaluate', dir, ...options, '--json']);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return { evaluation: JSON.parse(stdout) as Evaluation, stdout, stderr };
}

async function allLabels(dir: string): Promise<Record<string, string>[]> {
  const files = (await readdir(dir, { recursive: true })).filter((file) => file.endsWith('labels.csv'));
  const tables = await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8')));
  return tables.flatMap((text) => {
    const [header, ...lines] = text.trim().split('\n');
    return lines.map((line) =>
      Object.fromEntries(line.split(',').map((cell, index) => [header!.split(',')[index]!, cell])),
    );
  });
}

async function table(name: string, header: string, lines: readonly string[]): Promise<string> {
  await writeFile(at(name), [header, ...lines, ''].join('\n'));
  return at(name);
}
const CLASSES = FINDING_CLASSES.join(',');
const bitsOf = (row: Record<string, string>): string => FINDING_CLASSES.map((name) => row[name]).join(',');
const studyUids = (): string[] => [...new Set(rows.map((row) => row['studyInstanceUid']!))];
const truthOf = (uid: string): string =>
  FINDING_CLASSES.map((name) => Number(rows.some((row) => row['studyInstanceUid'] === uid && row[name] === '1'))).join(
    ',',
  );

/** Without what differs between two runs on the same data. */
function figuresOf({ bundles }: Evaluation) {
  return bundles.map(({ time, ...figures }) => figures);
}

test('the figures are those of scikit-learn on the predictions that were kept', async () => {
  const program = `
import glob, json, sys
import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, roc_auc_score
labels = {r["sopInstanceUid"]: r for r in json.load(open(sys.argv[2]))}
classes = ["epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any"]
thresholds = np.array(json.loads(sys.argv[3]))
truth, score, cnn, scan_truth, scan_score, scan_cnn = [], [], [], [], [], []
for path in glob.glob(sys.argv[1] + "/predictions/*/*.json"):
    slices = json.load(open(path))["slices"]
    if not slices: continue
    t = np.array([[int(labels[s["sopInstanceUid"]][c]) for c in classes] for s in slices])
    p = np.array([s["sequence"] for s in slices])
    truth.append(t); score.append(p); cnn.append([s["cnn"] for s in slices])
    scan_truth.append(t.max(0)); scan_score.append(p.max(0)); scan_cnn.append(np.max([s["cnn"] for s in slices], 0))
truth, score, cnn = map(np.concatenate, (truth, score, cnn))
scan_truth, scan_score, scan_cnn = map(np.array, (scan_truth, scan_score, scan_cnn))
loss = lambda t, s: float((-(t * np.log(s) + (1 - t) * np.log(1 - s)) @ np.array([1, 1, 1, 1, 1, 2]) / 7).mean())
def figures(t, s):
    return {"auc": roc_auc_score(t[:, 5], s[:, 5]), "ap": average_precision_score(t[:, 5], s[:, 5]), "brier": brier_score_loss(t[:, 5], s[:, 5]), "loss": loss(t, s)}
def called(t, s):
    at = (s >= thresholds) & (s[:, 5:] >= thresholds[5])
    return [confusion_matrix(t[:, c], at[:, c], labels=[0, 1]).ravel().tolist() for c in range(6)]
levels = {"slice": (truth, score, cnn), "scan": (scan_truth, scan_score, scan_cnn)}
decisions = {level: {"decisions": called(t, s), "cnnDecisions": called(t, c)} for level, (t, s, c) in levels.items()}
print(json.dumps({"decisions": decisions, "slice": figures(truth, score), "cnn": figures(truth, cnn), "scan": figures(scan_truth, scan_score), "slices": len(truth)}))`;
  await writeFile(at('labels.json'), JSON.stringify(rows));
  const [bundle] = first.evaluation.bundles;
  const set = bundle.thresholds.default;
  const thresholds = FINDING_CLASSES.map((name) => bundle.thresholds.sets[set]![name]);
  const theirs = JSON.parse(await runPython(program, [at('out'), at('labels.json'), JSON.stringify(thresholds)]));
  expect([bundle.slice?.cases, bundle.scan.cases, theirs.slices]).toEqual([64, 4, 64]);
  for (const [level, model, expected] of [
    ['slice', 'sequence', theirs.slice],
    ['slice', 'cnn', theirs.cnn],
    ['scan', 'sequence', theirs.scan],
  ] as const) {
    const { classes, weightedLogLoss } = bundle[level]!;
    const { auc, averagePrecision, brier } = classes.any[model];
    expect(auc.value).toBeCloseTo(expected.auc, 9);
    expect(averagePrecision.value).toBeCloseTo(expected.ap, 9);
    expect(brier.value).toBeCloseTo(expected.brier, 9);
    expect(weightedLogLoss[model].value).toBeCloseTo(expected.loss, 9);
  }
  for (const level of ['slice', 'scan'] as const)
    for (const decisions of ['decisions', 'cnnDecisions'] as const)
      for (const [index, name] of FINDING_CLASSES.entries()) {
        const { confusion } = bundle[level]!.classes[name][decisions][set]!;
        const { trueNegative, falsePositive, falseNegative, truePositive } = confusion;
        expect([name, trueNegative, falsePositive, falseNegative, truePositive]).toEqual([
          name,
          ...theirs.decisions[level][decisions][index],
        ]);
      }
});

test('a study that was not analysed is listed with its reason, and counts as missed in the worst case only', () => {
  const [{ coverage, scan, slice }] = first.evaluation.bundles;
  expect(coverage).toMatchObject({
    studies: 5,
    analysed: 4,
    reasons: [{ code: 'too-few-slices', studies: 1 }],
    notAnalysed: [{ state: 'not-analysed', code: 'too-few-slices' }],
  });
  const { confusion, worstCase, sensitivity } = scan.classes.any.decisions['balanced']!;
  expect(confusion.truePositive + confusion.falseNegative).toBe(2);
  expect(worstCase.sensitivity.value).toBeCloseTo((sensitivity.value! * 2) / 3, 12);
  expect([scan.notAnalysed, slice?.notAnalysed]).toEqual([1, 6]);
});

test('predictions are kept: a second run analyses nothing and finds the same, a broken one is made again', async () => {
  const again = await run(['--labels', at('images'), '--out', at('out')]);
  expect(again.stderr).toContain('5 studies known from an earlier run');
  expect(again.evaluation.bundles).toEqual(first.evaluation.bundles);
  const [model] = await readdir(at('out', 'predictions'));
  const [kept] = await readdir(at('out', 'predictions', model!));
  await writeFile(at('out', 'predictions', model!, kept!), '{"cut');
  const repaired = await run(['--labels', at('images'), '--out', at('out')]);
  expect(repaired.stderr).toContain('4 studies known');
  expect(figuresOf(repaired.evaluation)).toEqual(figuresOf(first.evaluation));
});

test('RSNA layout, rows per slice and rows per study give the same figures', async () => {
  const layouts = {
    rsna: await table(
      'rsna.csv',
      'ID,Label',
      rows.flatMap((row) => FINDING_CLASSES.map((name) => `ID_${row['sopInstanceUid']}_${name},${row[name]}`)),
    ),
    slice: await table(
      'slice.csv',
      `SOPInstanceUID,${CLASSES}`,
      rows.map((row) => `${row['sopInstanceUid']},${bitsOf(row)}`),
    ),
    study: await table(
      'study.csv',
      `StudyInstanceUID,${CLASSES}`,
      studyUids().map((uid) => `${uid},${truthOf(uid)}`),
    ),
  };
  for (const [layout, file] of Object.entries(layouts)) {
    const { evaluation } = await run(['--labels', file, '--out', at('out')]);
    expect(evaluation.data).toMatchObject({ layout, patients: 5, studies: 5, labelsWithoutImage: 0 });
    const [ours, theirs] = [evaluation.bundles[0], first.evaluation.bundles[0]];
    expect(ours.scan).toEqual(theirs.scan);
    expect(ours.predictiveValues).toEqual(theirs.predictiveValues);
    expect(ours.slice).toEqual(layout === 'study' ? null : theirs.slice);
  }
});

test('the page needs nothing from elsewhere, says what it is, and shows every error with its pictures', async () => {
  const wrong = await table(
    'wrong.csv',
    `StudyInstanceUID,${CLASSES}`,
    studyUids().map((uid) => `${uid},${truthOf(uid).endsWith('1') ? '0,0,0,0,0,0' : '0,0,0,0,1,1'}`),
  );
  const { evaluation } = await run(['--labels', wrong, '--out', at('out')]);
  const page = await readFile(at('out', 'report.html'), 'utf8');
  const shown = FINDING_CLASSES.map((name) => {
    const { falseNegative, falsePositive } = evaluation.bundles[0].scan.classes[name].decisions['balanced']!.confusion;
    return Math.min(falseNegative, name === 'any' ? 8 : 3) + Math.min(falsePositive, name === 'any' ? 8 : 3);
  }).reduce((sum, one) => sum + one);
  const { any, subdural } = evaluation.bundles[0].scan.classes;
  expect(any.decisions['balanced']!.confusion.falseNegative).toBeGreaterThan(0);
  expect(page).toContain(`Subdural: ${subdural.decisions['balanced']!.confusion.falseNegative} scans missed`);
  expect(page.match(/<article class="error">/g)).toHaveLength(shown);
  expect(page.match(/data:image\/jpeg;base64,\/9j\//g)!.length).toBe(2 * shown);
  const text = page.replaceAll(/base64,[^"]*/g, '');
  expect(text).toContain('Not a medical device');
  expect(text).toContain('too-few-slices');
  expect(text).not.toMatch(/(src|href|url\()\s*=?\s*["']?(https?:|\/\/|file:)/i);
  expect(text).not.toMatch(/<script|PHANTOM-/);
  expect(JSON.parse(await readFile(at('out', 'metrics.json'), 'utf8'))).toEqual(evaluation);
});

test('bundles stand side by side with paired differences, and readers beside the model', async () => {
  const bundle = at('bundle');
  await cp(join(ROOT, 'models', 'default'), bundle, { recursive: true });
  const manifest = JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8'));
  manifest.version = '9.9.9';
  manifest.calibration.temperature = manifest.calibration.temperature.map((value: number) => value * 3);
  await writeFile(join(bundle, 'manifest.json'), JSON.stringify(manifest));
  const readers = await table(
    'readers.csv',
    'reader,StudyInstanceUID,any',
    studyUids().flatMap((uid) => [`right,${uid},${truthOf(uid).slice(-1)}`, `always,${uid},1`]),
  );
  const options = ['--labels', at('images'), '--compare', bundle, '--readers', readers, '--out', at('out')];
  const { evaluation } = await run(options);
  expect(evaluation.bundles.map(({ identity }) => identity.version)).toEqual([expect.any(String), '9.9.9']);
  const [{ scan, other }] = evaluation.comparisons as [Evaluation['comparisons'][number]];
  expect([other.version, scan?.cases, scan?.auc.any.difference.value]).toEqual(['9.9.9', 4, 0]);
  expect(scan!.weightedLogLoss.difference.value).not.toBe(0);
  const [always, right] = evaluation.readers.filter(({ finding }) => finding === 'any');
  expect(right).toMatchObject({
    reader: 'right',
    cases: 4,
    readerFigures: { sensitivity: { value: 1 }, specificity: { value: 1 }, kappa: { value: 1 } },
  });
  expect(always).toMatchObject({ readerFigures: { sensitivity: { value: 1 }, specificity: { value: 0 } } });
  const { stdout } = await runIchor(['evaluate', at('images'), ...options]);
  expect(stdout).toMatch(/9\.9\.9 .*against/);
  expect(stdout).toMatch(/^any +scan +4 +right/m);
  expect(stdout).toMatch(/^ +CNN alone +/m);
  expect(stdout).toMatch(/only first right +only other right/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours would begin with it
  expect(stdout).not.toMatch(/\u001b/);
});

test('another threshold decides anew on what was kept: nothing is analysed again, no picture is drawn twice', async () => {
  const labels = ['--labels', at('images')];
  const flagged = await run([...labels, '--out', at('out'), '--threshold', 'any=0.0001', '--threshold', 'epidural=1']);
  const [{ scan, thresholds, identity }] = flagged.evaluation.bundles;
  expect([thresholds.default, thresholds.sets['given']!.any, thresholds.sets['given']!.epidural]).toEqual([
    'given',
    0.0001,
    1,
  ]);
  expect(scan.classes.any.decisions['given']!.sensitivity.value).toBe(1);
  expect(scan.classes.epidural.decisions['given']!.confusion).toMatchObject({ truePositive: 0, falsePositive: 0 });
  expect(scan.classes.any.decisions['balanced']).toEqual(
    first.evaluation.bundles[0].scan.classes.any.decisions['balanced'],
  );
  expect(flagged.stderr).toContain('5 studies known from an earlier run');
  const drawn = async () => (await readdir(at('out', 'pictures', `${identity.sha256.slice(0, 16)}-${version}`))).sort();
  const version = flagged.evaluation.ichorVersion;
  const before = await drawn();
  expect(before.length).toBeGreaterThan(0);
  await run([...labels, '--out', at('out'), '--threshold', 'any=0.0002']);
  expect(await drawn()).toEqual(before);
  const { code, stderr } = await runIchor(['evaluate', at('images'), ...labels, '--threshold', 'edema=0.5']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('CLASS=VALUE')]);
});

describe('bad input', () => {
  test.each([
    ['labels that are not there', () => [at('images'), '--labels', at('none.csv')], /none\.csv cannot be used/],
    ['a folder that is not there', () => [at('nowhere'), '--labels', at('images')], /nowhere cannot be used/],
    ['a folder without DICOM', () => [at('empty'), '--labels', at('images')], /no DICOM file/],
    ['no labels at all', () => [at('images')], /--labels/],
    ['a bundle that is none', () => [at('images'), '--labels', at('images'), '--bundle', at('empty')], /refused/],
  ])('%s is refused before anything long begins', async (_, args, message) => {
    await mkdir(at('empty'), { recursive: true });
    const { code, stdout, stderr } = await runIchor(['evaluate', ...args()]);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('Analysing');
  });

  test('when no study can be analysed the exit code says so and no figure is invented', async () => {
    const { code, stdout } = await runIchor(['evaluate', at('images', 'few'), '--labels', at('images', 'few')]);
    expect([code, stdout]).toEqual([3, expect.stringMatching(/analysed 0 of 1(.|\n)*any +0 +– +–/)]);
  });
});
