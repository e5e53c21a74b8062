/** The spool on a real file system, in the hands of several receivers and of an operator. */
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IchorError } from '@ichor/shared/errors';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openSpool } from './spool.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ichor-spool-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const head = Buffer.alloc(144);
const instance = (number: number, study = '1.2.3') => ({
  studyInstanceUid: study,
  seriesInstanceUid: `${study}.1`,
  sopInstanceUid: `${study}.1.${number}`,
  chunks: [head, Buffer.from(`instance ${number}`)],
});
const inSpool = (...names: string[]): string => join(dataDir, 'spool', ...names);
async function scanned(): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of (await openSpool({ dataDir })).scan()) paths.push(path);
  return paths;
}

test('a scan removes temporary files that nobody has written to for an hour, and leaves those of other receivers', async () => {
  await (await openSpool({ dataDir })).store(instance(1));
  const folder = inSpool('1.2.3', '1.2.3.1');
  const longAgo = new Date(Date.now() - 2 * 3_600_000);
  await writeFile(join(folder, '.1.2.3.1.8.aaaa.part'), 'being written');
  await writeFile(join(folder, '.1.2.3.1.9.bbbb.part'), 'left by a kill');
  await utimes(join(folder, '.1.2.3.1.9.bbbb.part'), longAgo, longAgo);
  expect(await scanned()).toEqual(['1.2.3/1.2.3.1/1.2.3.1.1.dcm']);
  expect((await readdir(folder)).sort()).toEqual(['.1.2.3.1.8.aaaa.part', '1.2.3.1.1.dcm']);
});

test('everything is stored while other receivers start and scan again and again', async () => {
  const spool = await openSpool({ dataDir });
  let storing = true;
  const others = Array.from({ length: 2 }, async () => {
    while (storing) await scanned();
  });
  const numbers = Array.from({ length: 60 }, (_, number) => number);
  const outcomes = await Promise.all(numbers.map((number) => spool.store(instance(number)))).finally(() => {
    storing = false;
  });
  await Promise.all(others);
  expect(outcomes.every(({ outcome }) => outcome === 'new')).toBe(true);
  expect(await scanned()).toHaveLength(60);
});

test.each([
  ['series', ['1.2.3', '1.2.3.1']],
  ['study', ['1.2.3']],
])('a %s folder that was removed by hand is made again for the next instance', async (_name, folder) => {
  const spool = await openSpool({ dataDir });
  await spool.store(instance(1));
  await rm(inSpool(...folder), { recursive: true });
  const { outcome, reference } = await spool.store(instance(2));
  expect(outcome).toBe('new');
  expect((await spool.files.open(reference)).subarray(144).toString()).toBe('instance 2');
  expect(await scanned()).toEqual(['1.2.3/1.2.3.1/1.2.3.1.2.dcm']);
});

test('an instance whose spool was replaced while it was written is not acknowledged', async () => {
  let asked = 0;
  const spool = await openSpool({ dataDir }, 0, async () => {
    if (++asked === 2) throw new IchorError('SPOOL_FOREIGN', { path: dataDir, reason: 'test' });
  });
  await expect(spool.store(instance(1))).rejects.toMatchObject({ code: 'SPOOL_FOREIGN' });
});

test('folders and files are for this user alone, whatever the umask, and a folder from before is tightened', async () => {
  await mkdir(inSpool(), { mode: 0o755 });
  const former = process.umask(0);
  const { reference } = await (await openSpool({ dataDir })).store(instance(1)).finally(() => process.umask(former));
  const modes = ['.', '1.2.3', '1.2.3/1.2.3.1', reference].map(
    async (name) => (await stat(inSpool(name))).mode & 0o777,
  );
  expect(await Promise.all(modes)).toEqual([0o700, 0o700, 0o700, 0o600]);
});

test('a scan of one study gives its instances only, and none of a study that is not there', async () => {
  const spool = await openSpool({ dataDir });
  for (const study of ['1.2.3', '1.2.4']) await spool.store(instance(1, study));
  await mkdir(inSpool('1.2.5'));
  const found: string[] = [];
  for (const study of ['1.2.4', '1.2.5', '1.2.6']) for await (const path of spool.scan(study)) found.push(path);
  expect(found).toEqual(['1.2.4/1.2.4.1/1.2.4.1.1.dcm']);
});
