/** What a child process prints on stderr (libraries, the engine at its end): never between the lines of our log. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Log } from '@ichor/telemetry/log';

const LONGEST = 500;

/** Each line as an event. The child must be one whose libraries name no patient. */
export function linesToLog(child: ChildProcess, library: string, log: Log): void {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line !== '') log.event('library.printed', { library, method: 'stderr', reason: line.slice(0, LONGEST) });
  });
}

/** @returns gives the end of what was printed so far, on one line */
export function lastWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (data) => {
    text = `${text}${data}`.slice(-LONGEST);
  });
  return () => text.replaceAll(/\s+/g, ' ').trim();
}
