/** What every file store holds, whatever it is made of: each implementation is a row of STORES. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadConfig } from '@ichor/settings/config';
import { isMissing } from '@ichor/shared/fileFault';
import type { FileReader } from '@ichor/shared/files';
import type { FileStore } from '@ichor/store/files/fileStore';
import { folderStore } from '@ichor/store/files/folderStore';
import { objectStore, spoolStore } from '@ichor/store/files/openStores';
import { guardSpool } from '@ichor/store/files/spoolIdentity';
import { openObject } from '@ichor/worker/delivery/openObject';
import { triageStudy } from '@ichor/worker/triageStudy';
import { studyDetail } from '@ichor/worklist/studyDetail';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { memoryStore } from '../support/memoryStore.ts';
import { silentLog } from '../support/postgres.ts';
import { openTriageBench } from '../support/triage.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
beforeAll(async () => {
  folder = await openWorkFolder('file-stores');
});
afterAll(() => folder.remove());

let opened = 0;
async function newFolder(): Promise<string> {
  const path = join(folder.path, `store-${++opened}`);
  await mkdir(path);
  return path;
}
const STORES: readonly (readonly [name: string, open: () => Promise<FileStore>])[] = [
  ['a folder', async () => folderStore(await newFolder())],
  ['memory', async () => memoryStore()],
];

const bytes = (text: string): Buffer => Buffer.from(text);
async function listed(store: FileStore, under = ''): Promise<string[]> {
  const references: string[] = [];
  for await (const reference of store.list(under)) references.push(reference);
  return references;
}
const REFERENCE = fc
  .tuple(fc.constantFrom('1.2', '1.3', '1.20'), fc.constantFrom('1', '2'), fc.constantFrom('a', 'b'))
  .map(([study, series, name]) => `${study}/${series}/${name}.dcm`);
const ACTION = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    reference: REFERENCE,
    content: fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 3 }),
    replace: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('remove' as const), reference: REFERENCE }),
);

describe.each(STORES)('%s as a file store', (_name, open) => {
  test('holds what was put last, and lists it sorted, whatever was put, kept and removed before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ACTION, { maxLength: 12 }), async (actions) => {
        const [store, expected] = [await open(), new Map<string, Buffer>()];
        for (const action of actions) {
          const isThere = expected.has(action.reference);
          if (action.kind === 'remove') {
            await store.remove(action.reference);
            expected.delete(action.reference);
            continue;
          }
          const isWritten = await store.put(action.reference, action.content, action.replace);
          expect(isWritten).toBe(action.replace || !isThere);
          if (isWritten) expected.set(action.reference, Buffer.concat(action.content));
        }
        expect((await listed(store)).sort()).toEqual([...expected.keys()].sort());
        for (const [reference, content] of expected) {
          expect((await store.open(reference)).equals(content)).toBe(true);
          expect((await store.stat(reference)).sizeBytes).toBe(content.length);
        }
      }),
      { numRuns: 25 },
    );
  });

  test('gives a range, and less of it where the file ends', async () => {
    const store = await open();
    await store.put('1.2/1/a.dcm', [bytes('0123'), bytes('456789')], false);
    expect((await store.range('1.2/1/a.dcm', 3, 4)).toString()).toBe('3456');
    expect((await store.range('1.2/1/a.dcm', 8, 100)).toString()).toBe('89');
    expect((await store.range('1.2/1/a.dcm', 100, 1)).length).toBe(0);
  });

  test('lists below a folder only, study by study, and nothing of one that is not there', async () => {
    const store = await open();
    for (const reference of ['1.2/2/a.dcm', '1.20/1/a.dcm', '1.2/1/b.dcm', '1.2/1/a.dcm'])
      await store.put(reference, [bytes(reference)], false);
    expect(await listed(store, '1.2')).toEqual(['1.2/1/a.dcm', '1.2/1/b.dcm', '1.2/2/a.dcm']);
    expect(await listed(store, '1.9')).toEqual([]);
  });

  test('of several that put the same reference at once, one writes', async () => {
    const store = await open();
    const puts = Array.from({ length: 8 }, (_, index) => store.put('1.2/1/a.dcm', [bytes(`${index}`)], false));
    const writers = (await Promise.all(puts)).flatMap((isWritten, index) => (isWritten ? [index] : []));
    expect(writers).toHaveLength(1);
    expect((await store.open('1.2/1/a.dcm')).toString()).toBe(`${writers[0]}`);
  });

  test('a missing file is told as missing by every way of reading it, and may be removed', async () => {
    const store: FileStore = await open();
    const ways: ((reader: FileReader) => Promise<unknown>)[] = [
      (reader) => reader.open('1.2/1/a.dcm'),
      (reader) => reader.range('1.2/1/a.dcm', 0, 1),
      (reader) => reader.stat('1.2/1/a.dcm'),
    ];
    for (const way of ways) expect(isMissing(await way(store).catch((error: unknown) => error))).toBe(true);
    await store.remove('1.2/1/a.dcm');
  });

  test('takes a copy of a file of this machine, and knows its free space', async () => {
    const [store, path] = [await open(), join(folder.path, 'outside')];
    await writeFile(path, 'from outside');
    await store.copyIn('1.2/1/a.dcm', path);
    expect((await store.open('1.2/1/a.dcm')).toString()).toBe('from outside');
    expect(await store.freeBytes()).toBeGreaterThan(0);
  });
});

test('a reference never leads out of a folder', async () => {
  const store = folderStore(await newFolder());
  await expect(store.put('../outside', [bytes('x')], true)).rejects.toThrow(/leads out of/);
  expect(() => store.open('../../etc/passwd')).toThrow(/leads out of/);
});

test('a folder that is not there takes nothing: an empty mount is no store', async () => {
  const path = join(folder.path, 'away');
  await expect(folderStore(path).put('1.2/1/a.dcm', [bytes('x')], false)).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('ICHOR_STORE_URL', () => {
  test('chooses where instances and derived objects are, and nothing but it needs to know', async () => {
    const images = join(folder.path, 'images');
    const bench = await openTriageBench(() => ({ ICHOR_STORE_URL: pathToFileURL(images).href }));
    try {
      const job = await bench.addStudy(1);
      const { config } = bench.context();
      await triageStudy(bench.context(), job, true);
      const { rows } = await bench.database.pool.query(
        'SELECT sop_instance_uid AS "sopInstanceUid", object_path AS path FROM derived_object',
      );
      for (const due of rows)
        expect(await openObject(config, due)).toMatchObject({ sopInstanceUid: due.sopInstanceUid });
      const source = { database: bench.database, objects: objectStore(config) };
      expect((await studyDetail(source, job.studyInstanceUid, null)).report).not.toEqual([]);
      const guard = await guardSpool({
        settings: config,
        database: bench.database,
        log: silentLog,
        incidents: null,
        mayBegin: true,
      });
      await guard.check().finally(() => guard.close());
      expect((await readdir(images)).sort()).toEqual(['objects', 'spool']);
      expect(await readdir(join(images, 'spool'))).toEqual(expect.arrayContaining(['identity', job.studyInstanceUid]));
      expect(await readdir(bench.dataDir)).toEqual(['spool.identity']);
    } finally {
      await bench.stop();
    }
  });

  test.each(['s3://bucket/prefix', 'images'])('%s is refused, naming what there is', (ICHOR_STORE_URL) => {
    const opening = () => spoolStore(loadConfig({ ICHOR_DATA_DIR: folder.path, ICHOR_STORE_URL }));
    expect(opening).toThrow(/ICHOR_STORE_URL must be .*:\/\//);
  });
});
