/** One step of the demo: its name, what it came to, how long it took. */
import { paint, type Terminal } from '../terminal.ts';

/** Does the work, then prints `name  text  1.2 s`; on a terminal the name shows while it lasts. */
export type Stage = <T>(name: string, work: () => Promise<T>, describe: (result: T) => string) => Promise<T>;

/** @param signal once aborted, no further step begins */
export function stager(terminal: Terminal, signal: AbortSignal): Stage {
  return async (name, work, describe) => {
    signal.throwIfAborted();
    const title = paint(terminal, 'cyan', name.padEnd(10));
    terminal.whisper(`  ${title}  …`);
    const startedAt = performance.now();
    const result = await work();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    terminal.print(`  ${title}  ${describe(result)}  ${paint(terminal, 'dim', `${seconds} s`)}`);
    return result;
  };
}
