import type { StudyView } from '@ichor/shared/study';
import { expect, test } from '@jest/globals';
import { isSettled, missing } from './outcome.ts';
import type { DemoStudy } from './phantoms.ts';

const expected = [
  { title: 'a bleed', expected: 'flagged', study: { studyInstanceUid: '1.2.3', files: ['a', 'b'] } },
] as unknown as DemoStudy[];
const delivery = (object: 'SR' | 'SC', sopInstanceUid: string, state = 'stored') =>
  ({ destination: 'HOSPPACS', object, sopInstanceUid, state, attempts: 1, error: null }) as const;
const study = (changes: object): StudyView =>
  ({
    studyInstanceUid: '1.2.3',
    state: 'flagged',
    reason: null,
    error: null,
    receivedInstances: 2,
    deliveries: [delivery('SR', '1'), delivery('SC', '2')],
    ...changes,
  }) as unknown as StudyView;
const both = new Map([
  ['1', 'SR-1.dcm'],
  ['2', 'SC-2.dcm'],
]);

test('a flagged study with report and heat map in the PACS misses nothing', () => {
  expect(missing(expected, [study({})], both)).toEqual([]);
  expect(isSettled(study({}), both)).toBe(true);
});

test.each([
  ['no such study', [], both, 'is not in the worklist'],
  ['another state', [study({ state: 'clear' })], both, 'is clear, not flagged'],
  ['lost instances', [study({ receivedInstances: 1 })], both, 'has 1 of 2 instances'],
  ['no heat map', [study({ deliveries: [delivery('SR', '1')] })], both, 'has no heat map'],
  ['no report', [study({ deliveries: [delivery('SC', '2')] })], both, 'has no report'],
  ['said to be stored, but not in the PACS', [study({})], new Map([['1', 'x']]), 'misses an SC in the PACS'],
])('%s is told', (_, studies, received, sentence) => {
  expect(missing(expected, studies as StudyView[], received as Map<string, string>).join(' ')).toContain(sentence);
});

test('a study is not settled while it is analysed, or an object is under way; a dead delivery settles', () => {
  expect(isSettled(study({ state: 'analysing' }), both)).toBe(false);
  expect(isSettled(study({ deliveries: [] }), both)).toBe(false);
  expect(isSettled(study({ deliveries: [], report: 'pending' }), both)).toBe(false);
  expect(isSettled(study({ deliveries: [], report: 'failed' }), both)).toBe(true);
  expect(isSettled(study({ deliveries: [delivery('SR', '1', 'pending')] }), both)).toBe(false);
  expect(isSettled(study({ deliveries: [delivery('SR', '9', 'stored')] }), both)).toBe(false);
  expect(isSettled(study({ deliveries: [delivery('SR', '9', 'dead')] }), both)).toBe(true);
});
