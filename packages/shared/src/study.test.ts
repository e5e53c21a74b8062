/** What a result may say: most of it is said by the compiler, which checks this file too. */
import { expect, test } from '@jest/globals';
import { reason } from './reasons.ts';
import {
  type FailedResult,
  type FoundResult,
  NOTHING_FOUND,
  type NotAnalysedResult,
  type StudyView,
  type TriageResult,
} from './study.ts';

const ofAnalysis = {
  studyInstanceUid: '1.2',
  inputDigest: 'ab',
  model: { name: 'm', version: '1', sha256: 'cd' },
  series: [],
};
const why = reason('no-head-ct');
const notAnalysed: TriageResult = {
  ...ofAnalysis,
  ...NOTHING_FOUND,
  state: 'not-analysed',
  reason: why,
  errorCode: null,
};

test('a state without what it must carry, or with what it must not, is no result', () => {
  // @ts-expect-error: clear without findings
  const clear: TriageResult = { ...ofAnalysis, ...NOTHING_FOUND, state: 'clear', reason: null, errorCode: null };
  // @ts-expect-error: not analysed without a reason
  const unexplained: TriageResult = { ...notAnalysed, reason: null };
  // @ts-expect-error: failed without an error code
  const failed: TriageResult = { ...notAnalysed, state: 'failed', reason: null };
  // @ts-expect-error: not analysed, but with key slices
  const found: TriageResult = { ...notAnalysed, keySlices: [{ sopInstanceUid: '1', finding: 'any', score: 1 }] };
  expect([clear, unexplained, failed, found].map(({ state }) => state)).toEqual([
    'clear',
    'not-analysed',
    'failed',
    'not-analysed',
  ]);
});

test('the state tells what there is to read, without a doubt left', () => {
  const told = (result: TriageResult): string => {
    if (result.state === 'failed') return result.errorCode.toLowerCase();
    if (result.state === 'not-analysed') return result.reason.sentence;
    return Object.keys(result.findings).join(', ');
  };
  expect(told(notAnalysed)).toBe(why.sentence);
  const members = (result: TriageResult): FoundResult | NotAnalysedResult | FailedResult =>
    result.findings === null ? (result satisfies NotAnalysedResult | FailedResult) : (result satisfies FoundResult);
  expect(members(notAnalysed)).toBe(notAnalysed);
});

test('a study that is shown has what its state says, and no other has findings', () => {
  const words = (study: StudyView): string => {
    if (study.state === 'failed') return study.error.toLowerCase();
    if (study.state === 'not-analysed') return study.reason.sentence + study.model.name;
    // @ts-expect-error: one that waits may have none
    const unknown: object = study.findings;
    return study.findings === null ? study.state : `${Object.keys(study.findings)} ${study.model.name} ${unknown}`;
  };
  const waiting = { state: 'queued', findings: null } as StudyView;
  expect(words(waiting)).toBe('queued');
});
