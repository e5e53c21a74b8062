/** What libraries print: lines of the log, so that nothing else stands between them, and nothing of what peers send. */
import { format } from 'node:util';
import type { Log } from './log.ts';

const METHODS = ['debug', 'dir', 'error', 'info', 'log', 'trace', 'warn'] as const;
type Printer = Record<(typeof METHODS)[number], (...said: unknown[]) => void>;

/** They never see patient data, and warn of what an operator must mend. */
const HARMLESS: ReadonlySet<string> = new Set(['bullmq', 'ioredis']);
const LONGEST = 500;

/**
 * From now on the console of this process tells the log which library spoke; its words only where they name no patient. Call it
 * before libraries are loaded: some take hold of the console then.
 * @returns what gives the console back
 */
export function consoleToLog(log: Log, target: Printer = console as Printer): () => void {
  const former = METHODS.map((method) => [method, target[method]] as const);
  for (const method of METHODS)
    target[method] = (...said) => {
      const library = libraryIn(new Error().stack ?? '');
      const words = HARMLESS.has(library) ? { reason: format(...said).slice(0, LONGEST) } : {};
      log.event('library.printed', { library, method, ...words });
    };
  return () => {
    for (const [method, write] of former) target[method] = write;
  };
}

/** The package nearest to the call. */
export const libraryIn = (stack: string): string =>
  /[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(stack)?.[1] ?? 'unknown';
