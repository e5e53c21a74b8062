/** Real studies beside the repository, which are not part of it: `../shared/data`, or ICHOR_SHARED_DATA. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from '@jest/globals';
import { ROOT } from './ichor.ts';

const FOLDER = process.env['ICHOR_SHARED_DATA'] ?? join(ROOT, '..', 'shared', 'data');

/** Path of something in the shared data. */
export const sharedData = (...parts: readonly string[]): string => join(FOLDER, ...parts);

export const hasSharedData = (): boolean => existsSync(FOLDER);

/** Tests that need the shared data; where it is absent they are shown as not run, and one line says why. */
export function describeWithSharedData(name: string, define: () => void): void {
  if (hasSharedData()) {
    describe(name, define);
    return;
  }
  process.stderr.write(`not run: ${name}: there is no ${FOLDER}; set ICHOR_SHARED_DATA to have it tested\n`);
  describe(name, () => {
    test.todo(`not run, because there is no ${FOLDER}`);
  });
}
