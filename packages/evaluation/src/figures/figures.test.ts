import { describe, expect, test } from '@jest/globals';
import { worstErrors } from '../gallery/worstErrors.ts';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { Reading } from '../labels/readReaders.ts';
import { drawPatients } from '../metrics/bootstrap.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { casesOf, scoredOf, worstCaseOf } from './cases.ts';
import { compareBundles } from './comparison.ts';
import { coverageOf } from './coverage.ts';
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

test('a comparison is on the cases that both analysed, in one order, and paired', () => {
  const data = dataOf(Array.from({ length: 12 }, (_, index) => [Number(index % 2 === 0)]));
  const good = predicted(data.studies.map(({ truth }, index) => [truth[ANY]! === 1 ? 0.8 : index / 20]));
  const bad = predicted(data.studies.map((_, index) => (index === 0 ? null : [((index * 7) % 12) / 12])));
  const identity = { name: 'a', version: '1', sha256: '0' };
  const draws = drawPatients(12, 200, 1);
  const { scan } = compareBundles(data, { identity, predictions: good }, { identity, predictions: bad }, draws);
  expect([scan?.cases, scan?.auc.any.first.value]).toEqual([11, 1]);
  expect(scan!.auc.any.difference.value).toBeCloseTo(scan!.auc.any.other.value! - 1, 12);
  const same = compareBundles(data, { identity, predictions: good }, { identity, predictions: good }, draws);
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
  expect(figures[1]).toMatchObject({ readerFigures: { sensitivity: { value: 1 } }, kappaWithModel: { value: 1 } });
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
  const { shown, missed, falseAlarms } = worstErrors(data, predicted([[0.4], [0.1], [0.9], [0.6], [0.95], [0.2]]), 0.5);
  expect(shown.map(({ kind, score }) => [kind, score])).toEqual([
    ['missed', 0.1],
    ['missed', 0.4],
    ['false alarm', 0.95],
    ['false alarm', 0.6],
  ]);
  expect([missed, falseAlarms, shown[0]!.labelled]).toEqual([2, 2, ['subdural']]);
  expect(shown[0]!.profile).toEqual([{ probability: 0.1, labelled: true }]);
});
