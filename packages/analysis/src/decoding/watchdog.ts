/**
 * A thread of a process that decodes, for decoders that never return and so never listen again: it ends the whole process when the slice
 * has used up its computing time, or when nobody is left to ask for it.
 */
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { OUT_OF_TIME } from './limits.ts';

const CHECK_EVERY_MS = 100;
const NEVER = 2n ** 62n;

/** @returns gives the work that starts now so much computing time, or any amount when null */
export function startWatchdog(): (timeoutMs: number | null) => void {
  const endsAt = new BigInt64Array(new SharedArrayBuffer(8)).fill(NEVER);
  new Worker(join(import.meta.dirname, 'watchdog.ts'), { workerData: { endsAt, parent: process.ppid } }).unref();
  return (timeoutMs) =>
    void Atomics.store(endsAt, 0, timeoutMs === null ? NEVER : usedMicroseconds() + BigInt(timeoutMs) * 1000n);
}

/** Of all threads of this process. */
function usedMicroseconds(): bigint {
  const { user, system } = process.cpuUsage();
  return BigInt(user + system);
}

function watch({ endsAt, parent }: { endsAt: BigInt64Array; parent: number }): void {
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
    if (usedMicroseconds() > Atomics.load(endsAt, 0)) process.kill(process.pid, OUT_OF_TIME);
  }, CHECK_EVERY_MS);
}

if (!isMainThread) watch(workerData);
