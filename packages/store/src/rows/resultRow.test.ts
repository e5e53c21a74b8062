import { reason } from '@ichor/shared/reasons';
import { expect, test } from '@jest/globals';
import { type ResultRow, toResult } from './resultRow.ts';

const findings = { any: { score: 0.1, threshold: 0.5, present: false } };
const row: ResultRow = {
  study_instance_uid: '1.2',
  input_digest: 'ab',
  model_name: 'm',
  model_version: '1',
  model_sha256: 'cd',
  model_target: null,
  state: 'clear',
  reason: null,
  error_code: null,
  findings,
  key_slices: [],
  slice_scores: [],
  heatmaps: null,
  series: [],
  incomplete: null,
};
const why = reason('no-head-ct');

test('a row is the result that its state says, and nothing that the state does not carry', () => {
  expect(toResult(row)).toMatchObject({ state: 'clear', findings, heatmaps: [], reason: null, errorCode: null });
  expect(toResult({ ...row, state: 'not-analysed', reason: why })).toMatchObject({ reason: why, findings: null });
  expect(toResult({ ...row, state: 'failed', error_code: 'INTERNAL' })).toMatchObject({
    errorCode: 'INTERNAL',
    findings: null,
  });
});

test.each([
  ['clear without findings', { state: 'clear', findings: null }],
  ['flagged without findings', { state: 'flagged', findings: null }],
  ['not analysed without a reason', { state: 'not-analysed' }],
  ['failed without an error code', { state: 'failed' }],
] as const)('a row that is %s is no result', (_, changes) => {
  expect(toResult({ ...row, ...changes })).toBeNull();
});
