/** A role of Ichor as a process of its own, whose end and whose log are watched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../support/ichor.ts';
import { mebibytes, peakBytes, residentBytes } from './processMemory.ts';
import type { Fault } from './target.ts';

export type IchorNode = {
  /** What went wrong since the last call: it ended (and is started again), or logged what it must not. */
  faults(): Promise<readonly Fault[]>;
  memory(): { readonly now: number; readonly peak: number };
  stop(): Promise<void>;
};

const MAIN = join(ROOT, 'apps', 'cli', 'src', 'main.ts');
const LAST_LINES = 20;
/** Follows the line that says what happened. */
const STACK = /^\s+at /;
/** What a peer's input may not make it say. */
const INTERNAL = /"code":"INTERNAL"|Unexpected fault|unhandled|Cannot read prop|is not a function/i;

/** @param listening waits until it can be attacked, after every start */
export async function startNode(
  role: string,
  env: Readonly<Record<string, string>>,
  listening: () => Promise<unknown>,
): Promise<IchorNode> {
  const found: Fault[] = [];
  let lines: string[] = [];
  let [attacked, stopping] = [false, false];
  const heard = (line: string): void => {
    lines = [...lines.slice(1 - LAST_LINES), line];
    if (!attacked || STACK.test(line)) return;
    if (!isJson(line))
      found.push({ kind: 'improper-answer', message: `printed between the lines of the log: ${line.slice(0, 300)}` });
    else if (INTERNAL.test(line)) found.push({ kind: 'improper-answer', message: `logged ${line.slice(0, 400)}` });
  };
  const begin = async (): Promise<ChildProcess> => {
    attacked = false;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'start', role], {
      env: { ...ownEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', heard);
    child.on('exit', (code, signal) => {
      if (!stopping)
        found.push({
          kind: 'crash',
          message: `${role} ended with ${signal ?? code}; its last lines: ${lines.join('\n')}`,
        });
    });
    await listening().catch((error: unknown) => {
      throw new Error(`${role} does not start: ${error}; its last lines: ${lines.join('\n')}`);
    });
    attacked = true;
    return child;
  };
  let child = await begin();
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    async faults() {
      if (hasEnded()) child = await begin();
      return found.splice(0);
    },
    memory: () => ({ now: residentBytes(child.pid!), peak: peakBytes(child.pid!) }),
    async stop() {
      stopping = true;
      if (hasEnded()) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(patience);
    },
  };
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ICHOR_')));

/** Whether a process holds more than it may. */
export function memoryFault(now: number, usual: number, allowed: number): Fault[] {
  if (usual === 0 || now <= usual + allowed) return [];
  return [
    {
      kind: 'memory',
      message: `${mebibytes(now)} resident where ${mebibytes(usual)} are usual and ${mebibytes(allowed)} more allowed`,
    },
  ];
}
