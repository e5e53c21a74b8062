/** The lock on a data folder, between processes, after a death, on a full disk, and where there can be none. */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '@ichor/store/postgres/database';
import { withFileLock } from '@ichor/store/postgres/fileLock';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ROOT } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { type Program, startProgram } from '../support/processes.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
beforeEach(async () => {
  folder = await openWorkFolder('file-lock');
});
afterEach(() => folder.remove());

/** Another process. @param body may use `withFileLock`, `lock`, `counter`, `pause(ms)` and what `node:fs` has */
const anotherProcess = (body: string): Program =>
  startProgram(process.execPath, [
    '--input-type=module',
    '-e',
    `import { readFileSync, writeFileSync } from 'node:fs';
     import { withFileLock } from ${JSON.stringify(join(ROOT, 'packages/store/src/postgres/fileLock.ts'))};
     const [lock, counter] = ${JSON.stringify([join(folder.path, 'lock'), join(folder.path, 'counter')])};
     const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
     ${body}`,
  ]);

test('several processes that take the lock in turn never hold it together', async () => {
  await writeFile(join(folder.path, 'counter'), '0');
  const add = `for (let turn = 0; turn < 20; turn++)
       await withFileLock(lock, async () => {
         const read = Number(readFileSync(counter, 'utf8'));
         await pause(2);
         writeFileSync(counter, String(read + 1));
       });
     console.log('done');`;
  await Promise.all([1, 2, 3, 4].map(() => anotherProcess(add).until(/done/, 120_000)));
  expect(await readFile(join(folder.path, 'counter'), 'utf8')).toBe('80');
});

test('a lock is held until its holder is dead, then by one at a time', async () => {
  const other = anotherProcess(`await withFileLock(lock, async () => { console.log('locked'); await pause(1e6); });`);
  await other.until(/locked/);
  let [holders, most, done] = [0, 0, 0];
  const hold = () =>
    withFileLock(join(folder.path, 'lock'), async () => {
      most = Math.max(most, ++holders);
      await new Promise((resolve) => setTimeout(resolve, 20));
      holders--;
      done++;
    });
  const all = Promise.all(Array.from({ length: 8 }, hold));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(most).toBe(0);
  await other.kill('SIGKILL');
  await all;
  expect([most, done]).toEqual([1, 8]);
});

test('a lock can be taken on a full disk', async () => {
  const disk = join(folder.path, 'small');
  await mkdir(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'ichor-test', disk]).status === 0;
  if (!mounted) {
    process.stderr.write('not run: a lock on a full disk: this user may not mount a tmpfs\n');
    return;
  }
  try {
    await expect(writeFile(join(disk, 'fill'), Buffer.alloc(128 * 1024))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await withFileLock(join(disk, 'lock'), async () => 'held')).toBe('held');
  } finally {
    spawnSync('umount', [disk]);
  }
});

test('a data folder whose lock cannot be taken is named, with the reason and what to do', async () => {
  await mkdir(join(folder.path, 'postgres.lock.sqlite'));
  const opened = openDatabase({ databaseUrl: null, dataDir: folder.path }, silentLog);
  await expect(opened).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  await expect(opened).rejects.toThrow(new RegExp(`${folder.path} .*postgres.lock.sqlite.*ICHOR_DATA_DIR`));
});
