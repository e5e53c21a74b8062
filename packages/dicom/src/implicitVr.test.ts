import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TRICKY } from '../../../test/support/rawDataset.ts';
import { toImplicitVr } from './implicitVr.ts';

const IDENTITY = { study: '1.2.3', series: '1.2.3.1', instance: '1.2.3.1.1', sopClass: '1.2.840.10008.5.1.4.1.1.2' };
const [IMPLICIT, EXPLICIT] = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1'];
const inSyntax = (uid: string) =>
  new Map(
    TRICKY.filter(({ transferSyntaxUid }) => transferSyntaxUid === uid).map((one) => [one.name, one.dataset(IDENTITY)]),
  );
const EVEN = [...inSyntax(EXPLICIT)].filter(([name]) => !name.startsWith('group lengths'));

test.each(EVEN)('%s: every value stays byte for byte under the heads of Implicit VR', (name, explicit) => {
  expect(toImplicitVr(explicit).equals(inSyntax(IMPLICIT).get(name)!)).toBe(true);
});

test('group lengths are left out, since they would be wrong', () => {
  const name = [...inSyntax(EXPLICIT).keys()].find((one) => one.startsWith('group lengths'))!;
  const implicit = toImplicitVr(inSyntax(EXPLICIT).get(name)!);
  const withThem = inSyntax(IMPLICIT).get(name)!;
  expect(implicit.length).toBe(withThem.length - 2 * 12);
});

test('a dataset that is cut anywhere is refused or gives less, and nothing else happens', () => {
  const [, whole] = EVEN.at(-1)!;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length }), (length) => {
      try {
        expect(toImplicitVr(whole.subarray(0, length)).length).toBeLessThanOrEqual(whole.length);
      } catch (error) {
        expect((error as Error).message).toMatch(/ends (beyond the data|without its delimiter)/);
      }
    }),
  );
});

test('sequences nested without end are refused', () => {
  const opening = Buffer.from('40000082535100 00ffffffff feff00e0ffffffff'.replaceAll(' ', ''), 'hex');
  expect(() => toImplicitVr(Buffer.concat(Array(5_000).fill(opening)))).toThrow('nested more than 100 deep');
});
