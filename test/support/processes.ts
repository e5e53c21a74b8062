/** Programs as tests start them: output kept, ready when a line says so, ended by their own process id only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export type Program = {
  readonly pid: number;
  /** Everything printed so far, both streams together. */
  output(): string;
  /** Waits for output that matches. @throws Error with the output so far when the program ends or stays silent */
  until(pattern: RegExp, timeoutMs?: number): Promise<void>;
  /** Sends a signal and waits for the end. Harmless when it has ended already. */
  kill(signal?: NodeJS.Signals): Promise<void>;
};

export type ProgramOptions = { readonly env?: NodeJS.ProcessEnv; readonly uid?: number; readonly gid?: number };

/** @param command a program on the path, or its file */
export function startProgram(command: string, args: readonly string[], options: ProgramOptions = {}): Program {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.on('error', (error) => (output += error.message));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async until(pattern, timeoutMs = 30_000) {
      const deadline = Date.now() + timeoutMs;
      while (!pattern.test(output)) {
        if (hasEnded(child) || Date.now() > deadline) throw new Error(`${command} never said ${pattern}:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async kill(signal = 'SIGTERM') {
      if (hasEnded(child)) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
