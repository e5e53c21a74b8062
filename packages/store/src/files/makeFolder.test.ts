import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeFolder } from './makeFolder.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'make-folder-'));
});
afterAll(() => rm(root, { recursive: true }));

test('folders are made with those above them, and the uppermost new one is told', async () => {
  expect(await makeFolder(join(root, 'a', 'b', 'c'))).toBe(join(root, 'a'));
  expect((await stat(join(root, 'a', 'b', 'c'))).isDirectory()).toBe(true);
  expect(await makeFolder(join(root, 'a', 'b', 'c'))).toBeUndefined();
  expect(await makeFolder(join(root, 'a', 'd'))).toBe(join(root, 'a', 'd'));
});

test('several at once make it once', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(root, 'x', 'y'))));
  expect(made).toHaveLength(8);
});

test('a file in the place of a folder, and a file system that takes none, end with an error', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolder('/proc/ichor/below')).rejects.toMatchObject({ code: 'ENOENT' });
});
