/**
 * Frees the memory of stored instances while it is cheap.
 *
 * Node allocates a new buffer for every read of a socket. V8 counts them as external memory and by default answers a fast
 * sender with one full garbage collection after another, which cost more than all the rest of receiving. Two things prevent
 * that (CPU per instance of 530 KB at 4 associations, `npm run bench receive`: 5.7 → 3.6 ms): external memory counts against
 * the heap's ordinary limit, not against a small one of its own; and a minor collection, well below a millisecond, follows
 * every few instances and finds their buffers dead.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
setFlagsFromString('--external-memory-accounted-in-global-limit');
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
