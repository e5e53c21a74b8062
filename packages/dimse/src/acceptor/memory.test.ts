import { expect, test } from '@jest/globals';
import { makeMemoryBudget } from './memory.ts';

const nobody = (): void => undefined;

test('beyond half of the limit the oldest goes on and the others wait until there is room', () => {
  const budget = makeMemoryBudget(100);
  let woken = 0;
  const oldest = budget.open(nobody);
  const younger = budget.open(() => woken++);
  expect(oldest.take(40) && younger.take(20)).toBe(true);
  expect([oldest.mayGoOn(), younger.mayGoOn()]).toEqual([true, false]);
  oldest.release();
  expect(woken).toBe(1);
  expect(younger.mayGoOn()).toBe(true);
});

test('when the oldest is done the next oldest goes on, however full the memory is', () => {
  const budget = makeMemoryBudget(100);
  const [first, second, third] = [budget.open(nobody), budget.open(nobody), budget.open(nobody)];
  second.take(60);
  third.take(30);
  expect([second.mayGoOn(), third.mayGoOn()]).toEqual([false, false]);
  first.release();
  expect([second.mayGoOn(), third.mayGoOn()]).toEqual([true, false]);
});

test('what exceeds the whole limit is not taken, and a release gives everything back once', () => {
  const budget = makeMemoryBudget(100);
  const ticket = budget.open(nobody);
  expect([ticket.take(100), ticket.take(1)]).toEqual([true, false]);
  ticket.release();
  ticket.release();
  const other = budget.open(nobody);
  expect([other.take(100), other.take(1)]).toEqual([true, false]);
});

test('the oldest may take up to half of the limit, whatever the connections hold', () => {
  const budget = makeMemoryBudget(100);
  const [oldest, younger] = [budget.open(nobody), budget.open(nobody)];
  younger.take(60);
  expect(budget.openBuffer().set(30)).toBe(true);
  expect([oldest.take(50), oldest.take(1)]).toEqual([true, false]);
  expect(younger.take(1)).toBe(false);
  expect(budget.usedBytes()).toBe(140);
});

test('memory is short while somebody waits for it, and what is released waits for nothing', () => {
  const budget = makeMemoryBudget(100);
  const [oldest, younger] = [budget.open(nobody), budget.open(nobody)];
  oldest.take(60);
  expect(oldest.mayGoOn()).toBe(true);
  expect(budget.isShort()).toBe(false);
  expect(younger.mayGoOn()).toBe(false);
  expect(budget.isShort()).toBe(true);
  younger.release();
  expect([younger.mayGoOn(), budget.isShort()]).toEqual([true, false]);
});

test('what a connection holds counts until it holds nothing', () => {
  const budget = makeMemoryBudget(100);
  const buffer = budget.openBuffer();
  expect([buffer.set(40), buffer.set(101), buffer.set(20)]).toEqual([true, false, true]);
  expect(budget.usedBytes()).toBe(20);
  buffer.set(0);
  expect(budget.usedBytes()).toBe(0);
});
