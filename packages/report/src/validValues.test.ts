import { expect, test } from '@jest/globals';
import { validAge, validCode, validDate, validOffset, validSex, validTime } from './validValues.ts';

test.each([
  ['20260131', '20260131'],
  ['2026.01.31', '20260131'],
  ['20240229', '20240229'],
  ['20250229', null],
  ['20261301', null],
  ['00000000', null],
  ['31.01.1980', null],
  ['2026.0131', null],
  ['2026', null],
  ['', null],
  [null, null],
])('the date %j becomes %j', (value, date) => {
  expect(validDate(value)).toBe(date);
});

test.each([
  ['101530', '101530'],
  ['101530.123456', '101530.123456'],
  ['1015', '1015'],
  ['10', '10'],
  ['235960', '235960'],
  ['10:15:30', '101530'],
  ['10:15:30.5', '101530.5'],
  ['10:15', '1015'],
  ['246099', null],
  ['1', null],
  ['101530.', null],
  ['10:15 Uhr', null],
  [null, null],
])('the time %j becomes %j', (value, time) => {
  expect(validTime(value)).toBe(time);
});

test('ages, sexes, codes and offsets of another form become null, and codes upper case', () => {
  expect(['045Y', '003D', '45', '045J', null].map(validAge)).toEqual(['045Y', '003D', null, null, null]);
  expect(['M', 'f', 'O', 'female', 'U', null].map(validSex)).toEqual(['M', 'F', 'O', null, null, null]);
  expect(['HEAD', 'Head', 'SCHÄDEL', 'A,B', null].map(validCode)).toEqual(['HEAD', 'HEAD', null, null, null]);
  expect(['+0100', '-0330', '+1', '+2500', null].map(validOffset)).toEqual(['+0100', '-0330', null, null, null]);
});
