import { expect, test } from '@jest/globals';
import { openPlaces } from './places.ts';

/** What has happened by now. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};

test('so many work at once, so many more wait in their order, and another is refused', async () => {
  const places = openPlaces(1, 2);
  const entered: string[] = [];
  const enter = async (name: string): Promise<() => void> => {
    const leave = await places.enter();
    entered.push(name);
    return leave;
  };
  const leaveFirst = await enter('first');
  const waiting = [enter('second'), enter('third')];
  await expect(places.enter()).rejects.toMatchObject({ code: 'DECODER_BUSY', retryable: true });
  await settled();
  expect(entered).toEqual(['first']);
  leaveFirst();
  (await waiting[0]!)();
  (await waiting[1]!)();
  expect(entered).toEqual(['first', 'second', 'third']);
});

test('whoever goes away while waiting takes no place, and the next one comes', async () => {
  const places = openPlaces(1, 1);
  const leave = await places.enter();
  const hangUp = new AbortController();
  const impatient = places.enter(hangUp.signal);
  hangUp.abort(new Error('gone'));
  await expect(impatient).rejects.toThrow('gone');
  const next = places.enter();
  leave();
  (await next)();
  await expect(places.enter(hangUp.signal)).rejects.toThrow('gone');
  (await places.enter())();
});
