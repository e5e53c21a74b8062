import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jsonb, storable, storableText } from './storable.ts';

const anyText = fc.string({ unit: 'binary' });
const odd = fc.oneof(
  anyText,
  fc.array(fc.constantFrom('\0', '\ud800', '\udfff', 'a', '\uffff')).map((all) => all.join('')),
);

test('a text without NUL and halves of surrogate pairs stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      if (!text.includes('\0') && text.isWellFormed()) expect(storableText(text)).toBe(text);
    }),
  );
});

test('no parameter, in arrays of arrays neither, has a NUL or half a surrogate pair', () => {
  fc.assert(
    fc.property(odd, (text) => {
      for (const made of [storable(text), storable([[text]])]) {
        const flat = [made].flat(3).join('');
        expect([flat.includes('\0'), flat.isWellFormed()]).toEqual([false, true]);
      }
    }),
  );
});

test('bytes, times and numbers pass unchanged', () => {
  const [bytes, time] = [Buffer.from([0, 1]), new Date(0)];
  expect(storable([bytes, time, 0, null, true])).toEqual([bytes, time, 0, null, true]);
  expect(storable(bytes)).toBe(bytes);
});

test('JSON keeps its shape, and no value or key has what jsonb refuses', () => {
  fc.assert(
    fc.property(fc.dictionary(odd, fc.oneof(odd, fc.integer(), fc.array(odd))), (value) => {
      const text = jsonb(value)!.toPostgres();
      expect(text).not.toMatch(/(?<!\\)(\\\\)*\\u(0000|d[89a-f])/i);
      expect(Object.keys(JSON.parse(text)).length).toBeLessThanOrEqual(Object.keys(value).length);
    }),
  );
  expect(JSON.parse(jsonb({ at: new Date(0), none: null, list: [1, 'a\0b'] })!.toPostgres())).toEqual({
    at: '1970-01-01T00:00:00.000Z',
    none: null,
    list: [1, 'ab'],
  });
  expect(jsonb(null)).toBeNull();
});
