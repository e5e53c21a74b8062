/**
 * Frees the memory of stored instances while it is cheap.
 *
 * Node allocates a new buffer for every read of a socket. V8 counts them as external memory and answers half a dozen studies
 * per second with one full garbage collection after another, which cost more than all the rest of receiving (measured with
 * `npm run bench receive`: 5.8 → 2.6 ms of CPU per instance of 530 KB). A minor collection right after an instance was
 * stored finds nearly all of them dead and takes less than a millisecond.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;

const EVERY_BYTES = 4_194_304;
let freedBytes = 0;

/** To be called when an instance's buffers are no longer needed. */
export function freeYoung(sizeBytes: number): void {
  freedBytes += sizeBytes;
  if (freedBytes < EVERY_BYTES) return;
  freedBytes = 0;
  collect({ type: 'minor' });
}
