import { expect, test } from '@jest/globals';
import { asIchorError, IchorError } from './errors.ts';

test('an error is filled with the facts of its code, and the compiler asks for them', () => {
  const full = new IchorError('DISK_BELOW_FLOOR', { path: '/spool', freeBytes: 1, floorBytes: 2 });
  expect(full.message).toMatch(/^Only 1 bytes are free under \/spool; the floor is 2\./);
  // @ts-expect-error: a fact is missing
  expect(new IchorError('DISK_BELOW_FLOOR', { path: '/spool', freeBytes: 1 }).message).toContain('{floorBytes}');
  // @ts-expect-error: no fact at all
  expect(new IchorError('UID_MISSING').message).toContain('{name}');
  // @ts-expect-error: a fact that the message does not name
  expect(new IchorError('UID_MISSING', { name: 'SOP Instance UID', uid: '' }).message).toContain('SOP Instance UID');
});

test('whatever is thrown becomes an error of the table, with its cause', () => {
  const thrown = new Error('odd');
  expect(asIchorError(thrown)).toMatchObject({ code: 'INTERNAL', message: 'Unexpected fault: odd.', cause: thrown });
  const known = new IchorError('MEMORY_EXHAUSTED');
  expect(asIchorError(known)).toBe(known);
});
