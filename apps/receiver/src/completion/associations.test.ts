import { expect, test } from '@jest/globals';
import { trackAssociations } from './associations.ts';

test('a study is open while any association that sent to it is', () => {
  const associations = trackAssociations();
  associations.opened(1);
  associations.opened(2);
  associations.sent(1, '1.2');
  associations.sent(2, '1.2');
  associations.closed(1);
  expect(associations.isOpen('1.2')).toBe(true);
  expect(associations.takeClosed()).toEqual([]);
  associations.closed(2);
  expect(associations.isOpen('1.2')).toBe(false);
  expect(associations.takeClosed()).toEqual(['1.2']);
  expect(associations.takeClosed()).toEqual([]);
});

test('what is noted for an association that has ended holds nothing open', () => {
  const associations = trackAssociations();
  associations.opened(1);
  associations.closed(1);
  associations.sent(1, '1.2');
  expect(associations.studies()).toEqual([]);
});
