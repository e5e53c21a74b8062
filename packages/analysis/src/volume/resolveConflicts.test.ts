import { IchorError } from '@ichor/shared/errors';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { expect, test } from '@jest/globals';
import type { InstanceHeader } from './readHeaders.ts';
import { resolveConflicts } from './resolveConflicts.ts';

const copies = (...uids: readonly string[]): InstanceHeader[] =>
  uids.map(
    (sopInstanceUid, index) =>
      ({
        sopInstanceUid,
        seriesInstanceUid: '1.2',
        reference: String(index),
        rows: 4,
        columns: 4,
        frames: [{}],
      }) as never,
  );

test('instances that came once are not decoded', async () => {
  const { headers, conflicting } = await resolveConflicts(copies('1.1', '1.2'), async () => {
    throw new Error('decoded');
  });
  expect([headers.length, conflicting.size]).toEqual([2, 0]);
});

test('copies with the same pixels are one instance, the first; copies with other pixels are in conflict', async () => {
  const digests: Record<string, string> = { '0': 'a', '1': 'b', '2': 'a', '3': 'c' };
  const { headers, conflicting } = await resolveConflicts(
    copies('1.1', '1.2', '1.1', '1.2'),
    async ({ reference }) => digests[reference]!,
  );
  expect(headers.map(({ reference }) => reference)).toEqual(['0', '1']);
  expect([...conflicting]).toEqual(['1.2']);
});

test('copies with the same pixels at another place are in conflict', async () => {
  const [first, second] = copies('1.1', '1.1');
  const moved = { ...second!, frames: [{ positionMm: [0, 0, 5] }] } as unknown as InstanceHeader;
  const { conflicting } = await resolveConflicts([first!, moved], async () => 'same');
  expect([...conflicting]).toEqual(['1.1']);
});

test('an instance in conflict with one of another series stays in both, so that neither looks whole without it', async () => {
  const [first, second] = copies('1.1', '1.1');
  const { headers, conflicting } = await resolveConflicts(
    [first!, { ...second!, seriesInstanceUid: '2' }],
    async () => 'same',
  );
  expect([headers.map(({ reference }) => reference), [...conflicting]]).toEqual([['0', '1'], ['1.1']]);
});

test('a copy that cannot be read is in conflict', async () => {
  const { conflicting } = await resolveConflicts(copies('1.1', '1.1'), async () => {
    throw new NotAnalysable('undecodable-pixel-data', 'broken');
  });
  expect([...conflicting]).toEqual(['1.1']);
});

test.each([
  ['the study', new IchorError('INFERENCE_TIMEOUT', { timeoutMs: 1 })],
  ['a slice', new NotAnalysable('undecodable-pixel-data', 'endless', true)],
])('after one that used up the time of %s no other duplicate is waited for', async (_, error) => {
  const decoded: string[] = [];
  const { conflicting } = await resolveConflicts(copies('1.1', '1.1', '1.2', '1.2', '1.3'), async ({ reference }) => {
    decoded.push(reference);
    throw error;
  });
  expect([decoded, [...conflicting]]).toEqual([['0'], ['1.1', '1.2']]);
});

test('a process that crashed is no conflict: the study is tried again', async () => {
  const crash = new IchorError('INFERENCE_CRASHED', { reason: 'SIGKILL' });
  await expect(
    resolveConflicts(copies('1.1', '1.1'), async () => {
      throw crash;
    }),
  ).rejects.toBe(crash);
});
