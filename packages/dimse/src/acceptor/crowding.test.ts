import { expect, test } from '@jest/globals';
import { whoMustGo } from './crowding.ts';

const from = (...addresses: string[]) => addresses.map((remoteAddress, age) => ({ remoteAddress, age }));
const limits = { perAddress: 2, total: 5 };

test('while there is room nobody goes', () => {
  expect(whoMustGo(from('a', 'b', 'c', 'a'), 'b', limits)).toBeNull();
});

test('an address that has too many loses its own oldest', () => {
  expect(whoMustGo(from('b', 'a', 'a'), 'a', limits)).toMatchObject({ remoteAddress: 'a', age: 1 });
});

test('when all together are too many, the address with the most loses its oldest', () => {
  expect(whoMustGo(from('b', 'a', 'c', 'a', 'd'), 'e', limits)).toMatchObject({ remoteAddress: 'a', age: 1 });
});
