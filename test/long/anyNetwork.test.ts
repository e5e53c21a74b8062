/** Networks of other kinds, each trained a little, exported, verified and run in production: training/tests_long. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { ROOT } from '../support/ichor.ts';
import { requirePython } from '../support/python.ts';

test('a transformer over slices, a GELU network and 2.5D become bundles that production runs as PyTorch does', async () => {
  const { stdout } = await promisify(execFile)(requirePython(), ['-m', 'pytest', '-q', 'tests_long'], {
    cwd: join(ROOT, 'training'),
    maxBuffer: 1 << 28,
  });
  expect(stdout).toMatch(/\d+ passed/);
  expect(stdout).not.toMatch(/skipped|failed/);
}, 1_200_000);
