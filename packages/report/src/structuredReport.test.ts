import type { SourceIdentity } from '@ichor/analysis/types';
import { SOP_CLASS } from '@ichor/dicom/sopClasses';
import { reason } from '@ichor/shared/reasons';
import { NOTHING_FOUND, type TriageResult } from '@ichor/shared/study';
import { expect, test } from '@jest/globals';
import { writeReport } from './structuredReport.ts';

const result: TriageResult = {
  ...NOTHING_FOUND,
  studyInstanceUid: '1.2',
  inputDigest: 'ab',
  model: { name: 'm', version: '1', sha256: 'cd'.repeat(32) },
  series: [],
  state: 'not-analysed',
  reason: reason('too-few-slices'),
  errorCode: null,
};
const identity = { studyInstanceUid: '1.2' } as SourceIdentity;
const images = [{ sopInstanceUid: '1.2.1.1', sopClassUid: SOP_CLASS.ctImage }];

test('a report that names an instance which the study does not have is not written', () => {
  const form = { sr: 'comprehensive-3d', title: 'triage' } as const;
  const request = { result, identity, images, keySlices: [], form, former: null, at: new Date(0) };
  const report = writeReport({ ...request, seriesOf: new Map([['1.2.1.1', '1.2.1']]) });
  expect(Buffer.from(report.bytes).includes('1.2.1.1')).toBe(true);
  expect(() => writeReport({ ...request, seriesOf: new Map([['1.2.1.2', '1.2.1']]) })).toThrow(
    /names instance 1\.2\.1\.1, which the study does not have/,
  );
});
