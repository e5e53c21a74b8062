/** A bundle that looks for something else than the six classes: `spot`, which decides, and `large`, a kind of it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requirePython } from './python.ts';

/** Of `phantom` with the seed 17, so many slices and pixels: bright and large with a bleed in the brain, neither without. */
export const BRIGHT = { slices: 24, matrix: 256 } as const;

/** @returns `folder`, with the bundle in it */
export async function writeTwoClassBundle(folder: string): Promise<string> {
  await promisify(execFile)(requirePython(), [join(import.meta.dirname, 'twoClassBundle.py'), folder]);
  return folder;
}
