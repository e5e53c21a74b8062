import { describe, expect, test } from '@jest/globals';
import { worstErrors } from '../gallery/worstErrors.ts';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { Reading } from '../labels/readReaders.ts';
import { drawPatients } from '../metrics/bootstrap.ts';
import { withThresholds } from '../openBundles.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { calledAt, casesOf, scoredOf, worstCaseOf } from './cases.ts';
import { compareBundles } from './comparison.ts';
import { coverageOf } from './coverage.ts';
import { levelFigures } from './levelFigures.ts';
import { predictiveValues } from './predictiveValues.ts';
import { readerFigures } from './readers.ts';

const ANY = 5;
const six = (any: number): number[] => [0, 0, 0, 0, any, any];

/** Studies of one patient each, with slices `s.0`, `s.1`, … and the label of each. */
function dataOf(labels: readonly (readonly number[])[]): LabelledData {
  return {
    layout: 'slice',
    patients: labels.length,
    patientFrom: 'study',
    labels: labels.flat().length,
    labelsWithoutImage: 0,
    studiesWithoutLabel: [],
    instancesWithoutLabel: 0,
    studies: labels.map((own, index) => ({
      study: { studyInstanceUid: `${index}`, inputDigest: '', patient: null, paths: [], instances: [] },
      patient: index,
      truth: six(Math.max(...own)),
      slices: new Map(own.map((label, slice) => [`${index}.${slice}`, six(label)])),
    })),
  };
}

/** Null for a study that was not analysed. */
const predicted = (scores: readonly (readonly number[] | null)[]): StudyPrediction[] =>
  scores.map((own, index) => ({
    studyInstanceUid: `${index}`,
    state: own === null ? 'not-analysed' : 'clear',
    reason: own === null ? { code: 'too-few-slices', sentence: 'Too few.', detail: null } : null,
    series: [],
    slices: (own ?? []).map((score, slice) => ({
      sopInstanceUid: `${index}.${slice}`,
      frameNumber: null,
      sequence: six(score),
      cnn: six(score / 2),
    })),
    scan: own === null ? null : { sequence: six(Math.max(...own)), cnn: six(Math.max(...own) / 2) },
    durationMs: 1,
  }));

describe('cases', () => {
  const data = dataOf([
    [0, 1],
    [0, 0],
    [1, 1],
  ]);
  const { scan, slice } = casesOf(data, predicted([[0.1, 0.9], [0.2, 0.3], null]));

  test('pair each analysed slice and scan with its label; what was not analysed stays apart', () => {
    expect([...scoredOf(scan.analysed, 3, ANY).truth]).toEqual([1, 0]);
    expect([...scoredOf(scan.analysed, 3, ANY).score]).toEqual([0.9, 0.3]);
    expect([...scoredOf(slice!.analysed, 3, ANY, 'cnn').score]).toEqual([0.05, 0.45, 0.1, 0.15]);
    expect([scan.notAnalysed.length, slice?.notAnalysed.length]).toEqual([1, 2]);
  });

  test('in the worst case what was not analysed is wrong at every threshold', () => {
    const worst = worstCaseOf(scan, ANY);
    expect([[...worst.truth], [...worst.score]]).toEqual([
      [1, 0, 1],
      [0.9, 0.3, 0],
    ]);
  });

  test('slices of multi-frame objects have no label of their own, and slices in other series are counted', () => {
    const predictions = predicted([[0.1], [0.2, 0.3], null]);
    predictions[1]!.slices[0]!.frameNumber = 1;
    expect(casesOf(data, predictions).slice?.analysed).toHaveLength(2);
    expect(coverageOf(data, predictions)).toMatchObject({
      analysed: 2,
      slicesElsewhere: 2,
      slicesWithoutLabel: 1,
      reasons: [{ code: 'too-few-slices', studies: 1 }],
    });
  });
});

test('a kind is called only where any hemorrhage is, in scans and slices, by the rule of production', () => {
  const data = dataOf([[0, 1]]);
  const predictions = predicted([[0.4, 0.6]]);
  for (const level of Object.values(casesOf(data, predictions))) {
    const called = calledAt(level!, [0, 1, 1, 1, 0.3, 0.5]);
    const ofClass = (index: number) => [...scoredOf(called.analysed, 1, index).score];
    expect([ofClass(0), ofClass(4), ofClass(ANY)]).toEqual(
      called.analysed.length === 1
        ? [[1], [1], [1]]
        : [
            [0, 1],
            [0, 1],
            [0, 1],
          ],
    );
    expect([...scoredOf(called.analysed, 1, 4, 'cnn').score].some((one) => one === 1)).toBe(false);
  }
  const { decisions, cnnDecisions } = levelFigures(
    casesOf(data, predictions).slice!,
    { low: { epidural: 1, intraparenchymal: 1, intraventricular: 1, subarachnoid: 1, subdural: 0.3, any: 0.5 } },
    drawPatients(1, 10, 1),
  ).classes.subdural;
  const none = { truePositive: 0, falseNegative: 1, falsePositive: 0, trueNegative: 1 };
  expect([decisions['low']!.confusion, cnnDecisions['low']!.confusion]).toEqual([
    { ...none, truePositive: 1, falseNegative: 0 },
    none,
  ]);
});

test('two bundles at their own thresholds: who alone was right, and the paired difference', () => {
  const data = dataOf([[1], [1], [1], [0], [0], [0], [1]]);
  const identity = { name: 'a', version: '1', sha256: '0' };
  const at = (any: number, scores: readonly number[]) => ({
    identity,
    predictions: predicted(scores.map((score) => [score])),
    thresholds: [1, 1, 1, 1, any, any],
  });
  const first = at(0.5, [0.6, 0.6, 0.4, 0.4, 0.4, 0.6, 0.4]);
  const other = at(0.9, [0.8, 0.95, 0.95, 0.95, 0.8, 0.8, 0.95]);
  const { scan } = compareBundles(data, first, other, drawPatients(7, 50, 1));
  expect(scan?.sensitivity.any).toMatchObject({
    first: { value: 0.5 },
    other: { value: 0.75 },
    difference: { value: 0.25 },
    mcNemar: { onlyFirst: 1, onlyOther: 2, p: 1 },
  });
  expect(scan?.specificity.any.mcNemar).toEqual({ onlyFirst: 1, onlyOther: 1, p: 1 });
});

test('thresholds that are given become the default set and leave the bundle as it is otherwise', () => {
  const own = {
    epidural: 0.1,
    intraparenchymal: 0.2,
    intraventricular: 0.3,
    subarachnoid: 0.4,
    subdural: 0.5,
    any: 0.6,
  };
  const bundle = { dir: '', trainedOn: [], thresholds: { default: 'own', sets: { own }, source: 'held-out patients' } };
  expect(withThresholds(bundle, {})).toBe(bundle);
  const { thresholds } = withThresholds(bundle, { any: 0.25 });
  expect([thresholds.default, thresholds.sets]).toEqual(['given', { own, given: { ...own, any: 0.25 } }]);
  expect(thresholds.source).toBe('any from 0.25 as given, the rest as "own": held-out patients');
});

test('a comparison is on the cases that both analysed, in one order, and paired', () => {
  const data = dataOf(Array.from({ length: 12 }, (_, index) => [Number(index % 2 === 0)]));
  const good = predicted(data.studies.map(({ truth }, index) => [truth[ANY]! === 1 ? 0.8 : index / 20]));
  const bad = predicted(data.studies.map((_, index) => (index === 0 ? null : [((index * 7) % 12) / 12])));
  const identity = { name: 'a', version: '1', sha256: '0' };
  const draws = drawPatients(12, 200, 1);
  const thresholds = [1, 1, 1, 1, 0.5, 0.5];
  const [one, two] = [good, bad].map((predictions) => ({ identity, predictions, thresholds }));
  const { scan } = compareBundles(data, one!, two!, draws);
  expect([scan?.cases, scan?.auc.any.first.value]).toEqual([11, 1]);
  expect(scan!.auc.any.difference.value).toBeCloseTo(scan!.auc.any.other.value! - 1, 12);
  const same = compareBundles(data, one!, one!, draws);
  expect(same.scan?.auc.any.difference).toMatchObject({ value: 0, low: null });
});

test('a reader of slices judged a study only when every labelled slice was read', () => {
  const data = dataOf([
    [0, 1],
    [0, 0],
  ]);
  const reading = (study: number, slice: number, any: number): Reading => ({
    reader: 'A',
    study,
    sopInstanceUid: `${study}.${slice}`,
    calls: [null, null, null, null, null, any],
  });
  const figures = readerFigures(
    data,
    predicted([
      [0.1, 0.9],
      [0.1, 0.6],
    ]),
    [reading(0, 0, 0), reading(0, 1, 1), reading(1, 0, 0)],
    [1, 1, 1, 1, 1, 0.5],
    drawPatients(2, 50, 1),
  );
  expect(figures.map(({ level, finding, cases }) => [level, finding, cases])).toEqual([
    ['scan', 'any', 1],
    ['slice', 'any', 3],
  ]);
  expect(figures[1]).toMatchObject({
    readerFigures: { sensitivity: { value: 1 }, auc: { value: 1 } },
    kappaWithModel: { value: 1 },
    cnnFigures: { auc: { value: 1 }, sensitivity: { value: 0 }, specificity: { value: 1 } },
    kappaWithCnn: { value: 0 },
  });
});

test('predictive values that rest on a share of 1 are bounded by the bounds of that share, not called certain', () => {
  const truth = Array.from({ length: 40 }, (_, index) => Number(index < 20));
  const scored = {
    truth: Uint8Array.from(truth),
    score: Float64Array.from(truth, (value, index) => (index === 30 ? 1 : value)),
    patient: Int32Array.from(truth.keys()),
    patients: 40,
  };
  const [rare] = predictiveValues(scored, 0.5, drawPatients(40, 300, 1));
  expect(rare).toMatchObject({ prevalence: 0.03, npv: { value: 1, method: 'wilson' } });
  expect(rare!.npv.low).toBeLessThan(1);
  expect(rare!.ppv.value).toBeCloseTo(0.03 / (0.03 + 0.05 * 0.97), 12);
});

test('the gallery shows the errors that are furthest from the truth, the missed first', () => {
  const data = dataOf([[1], [1], [1], [0], [0], [0]]);
  const predictions = predicted([[0.4], [0.1], [0.9], [0.6], [0.95], [0.2]]);
  const [any, subdural, ...others] = worstErrors(data, predictions, [1, 1, 1, 1, 0.05, 0.5]);
  const { finding, shown, missed, falseAlarms } = any!;
  expect([finding, others.map((one) => one.missed + one.falseAlarms)]).toEqual(['any', [0, 0, 0, 0]]);
  expect(shown.map(({ kind, score }) => [kind, score])).toEqual([
    ['missed', 0.1],
    ['missed', 0.4],
    ['false alarm', 0.95],
    ['false alarm', 0.6],
  ]);
  expect([missed, falseAlarms, shown[0]!.labelled]).toEqual([2, 2, ['subdural']]);
  expect(shown[0]!.profile).toEqual([{ probability: 0.1, labelled: true }]);
  expect([subdural!.finding, subdural!.missed, subdural!.falseAlarms]).toEqual(['subdural', 2, 2]);
  expect(subdural!.shown.map(({ score, withoutAny }) => [score, withoutAny])).toEqual([
    [0.1, true],
    [0.4, true],
    [0.95, false],
    [0.6, false],
  ]);
});
