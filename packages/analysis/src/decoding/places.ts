/** So many at once, so many more that wait, in the order in which they came; nobody waits for somebody who has gone away. */
import { IchorError } from '@ichor/shared/errors';

export type Places = {
  /**
   * Resolves when there is a place.
   * @returns gives the place back
   * @throws IchorError DECODER_BUSY when too many wait already, or the reason of `signal`
   */
  enter(signal?: AbortSignal): Promise<() => void>;
};

export function openPlaces(atOnce: number, mostWaiting: number): Places {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return {
    async enter(signal) {
      signal?.throwIfAborted();
      if (free > 0) free--;
      else if (waiting.length >= mostWaiting) throw new IchorError('DECODER_BUSY');
      else await turn(waiting, signal);
      return leave;
    },
  };
}

function turn(waiting: (() => void)[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      waiting.splice(waiting.indexOf(begin), 1);
      reject(signal?.reason);
    };
    const begin = (): void => {
      signal?.removeEventListener('abort', giveUp);
      resolve();
    };
    signal?.addEventListener('abort', giveUp);
    waiting.push(begin);
  });
}
