import { FINDING_CLASSES } from '@ichor/shared/study';
import { expect, test } from '@jest/globals';
import { csvText } from './csvText.ts';
import { predictionColumns, predictionRows } from './predictionTable.ts';

const COLUMNS = predictionColumns(FINDING_CLASSES);

import type { StudyPrediction } from './studyPrediction.ts';
import type { SurveyedStudy } from './surveyStudies.ts';

const six = (score: number): number[] => new Array<number>(6).fill(score);
const instance = (sopInstanceUid: string, seriesInstanceUid: string) => ({
  sopInstanceUid,
  seriesInstanceUid,
  path: `/in/${sopInstanceUid}`,
  missing: [],
});
const STUDY: SurveyedStudy = {
  studyInstanceUid: 's',
  inputDigest: '',
  patient: null,
  paths: ['/in/a1', '/in/a2', '/in/scout', '/in/bone1', '/in/damaged'],
  instances: [instance('a1', 'a'), instance('a2', 'a'), instance('scout', 'a'), instance('bone1', 'b')],
};
const ANALYSED: StudyPrediction = {
  studyInstanceUid: 's',
  state: 'flagged',
  reason: null,
  series: [
    { seriesInstanceUid: 'a', reason: null },
    { seriesInstanceUid: 'b', reason: 'bone-kernel' },
  ],
  slices: ['a2', 'a1'].map((sopInstanceUid, index) => ({
    sopInstanceUid,
    frameNumber: null,
    sequence: six(0.9 - index / 2),
    cnn: six(0.25),
  })),
  scan: { sequence: six(0.9), cnn: six(0.25) },
  durationMs: 1,
};
/** Rows as level, instance, file, state, reason, any, cnn_any. */
const short = (prediction: StudyPrediction) =>
  predictionRows([STUDY], [prediction], FINDING_CLASSES).map((row) => {
    expect(row).toHaveLength(COLUMNS.length);
    const cell = (name: string) => row[COLUMNS.indexOf(name)];
    return ['level', 'SOPInstanceUID', 'file', 'state', 'reason', 'any', 'cnn_any'].map(cell);
  });

test('every instance has a row: scored in spatial order, or with the reason why not', () => {
  expect(short(ANALYSED)).toEqual([
    ['study', null, null, 'flagged', null, 0.9, 0.25],
    ['slice', 'a2', '/in/a2', 'analysed', null, 0.9, 0.25],
    ['slice', 'a1', '/in/a1', 'analysed', null, 0.4, 0.25],
    ['slice', 'scout', '/in/scout', 'not-analysed', 'left-out', null, null],
    ['slice', 'bone1', '/in/bone1', 'not-analysed', 'bone-kernel', null, null],
    ['slice', null, '/in/damaged', 'not-analysed', 'unreadable-instance', null, null],
  ]);
});

test('a study that was not analysed, or failed, gives its reason to each of its instances', () => {
  const reason = { code: 'out-of-domain', sentence: '', detail: 'distance 9' };
  for (const state of ['not-analysed', 'failed'] as const) {
    const rows = short({ ...ANALYSED, state, reason, slices: [], scan: null });
    expect(rows.map((row) => row[3])).toEqual([state, state, state, state, state, 'not-analysed']);
    expect(new Set(rows.slice(0, 5).map((row) => row[4]))).toEqual(new Set(['out-of-domain']));
  }
});

test('cells with commas, quotes and line ends are quoted, and nothing is nothing', () => {
  expect(csvText([['a,b', 'say "no"', 'two\nlines', null, 0.5]])).toBe('"a,b","say ""no""","two\nlines",,0.5\n');
});
