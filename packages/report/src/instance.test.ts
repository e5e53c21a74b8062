import { expect, test } from '@jest/globals';
import { dicomDateTime } from './instance.ts';

const AT = new Date('2026-01-31T23:30:05Z');
test.each([
  ['+0130', { date: '20260201', time: '010005' }],
  ['-0330', { date: '20260131', time: '200005' }],
  ['+0000', { date: '20260131', time: '233005' }],
])('an instance in the zone %s has its times in that zone', (timezoneOffsetFromUtc, expected) => {
  expect(dicomDateTime(AT, { timezoneOffsetFromUtc })).toEqual(expected);
});

test.each([null, '+1'])(
  'with the offset %j of the source its times are those of this machine',
  (timezoneOffsetFromUtc) => {
    const local = (part: 'getHours' | 'getMinutes' | 'getSeconds') => String(AT[part]()).padStart(2, '0');
    expect(dicomDateTime(AT, { timezoneOffsetFromUtc }).time).toBe(
      `${local('getHours')}${local('getMinutes')}${local('getSeconds')}`,
    );
  },
);
