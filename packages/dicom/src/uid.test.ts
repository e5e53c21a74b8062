import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deriveUid, isSafeUid, isValidUid } from './uid.ts';

test('a derived UID is valid, and the same for the same parts only', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
      expect(isValidUid(deriveUid(...one))).toBe(true);
      expect(deriveUid(...one)).toBe(deriveUid(...one));
      if (one.join('\0') !== other.join('\0')) expect(deriveUid(...one)).not.toBe(deriveUid(...other));
    }),
  );
});

test.each(['1.2.840.10008.1.1', '0.1', '2.25.0'])('%s is valid', (uid) => expect(isValidUid(uid)).toBe(true));

test.each(['', '1', '1.', '.1', '1..2', '1.02', '1.2 ', '1.a', `1.${'2'.repeat(63)}`])('"%s" is not valid', (uid) =>
  expect(isValidUid(uid)).toBe(false),
);

test('leading zeros of real devices are safe as a file name; a path never is', () => {
  expect(isSafeUid('1.2.03.4')).toBe(true);
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (isSafeUid(text)) expect(text).toMatch(/^[0-9][0-9.]*[0-9]$/);
    }),
  );
  for (const text of ['../1.2', '1.2/3', '1..2', '1.2\0', '..']) expect(isSafeUid(text)).toBe(false);
});
