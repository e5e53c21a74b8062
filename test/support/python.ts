/** The independent Python stack (torch, pydicom, pynetdicom, highdicom): ICHOR_PYTHON, or the `.venv` that prepare.ts makes. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './ichor.ts';

const candidates = [process.env['ICHOR_PYTHON'], join(ROOT, '.venv', 'bin', 'python')];
const found = candidates.find((path) => path !== undefined && existsSync(path));

/** Whether the interpreter is there and imports these modules. */
export const pythonAvailable = (...modules: readonly string[]): boolean =>
  found !== undefined && spawnSync(found, ['-c', modules.map((name) => `import ${name}`).join('\n')]).status === 0;

/** @throws Error saying how to get it */
export function requirePython(): string {
  if (found !== undefined) return found;
  throw new Error(
    'The Python packages of training/requirements.txt are missing. Run: node test/prepare.ts, or set ICHOR_PYTHON.',
  );
}

/** Runs a Python program. @returns what it printed @throws Error with its last words when it fails */
export async function runPython(program: string, args: readonly string[] = []): Promise<string> {
  const { stdout } = await promisify(execFile)(requirePython(), ['-c', program, ...args], { maxBuffer: 1 << 28 });
  return stdout;
}
