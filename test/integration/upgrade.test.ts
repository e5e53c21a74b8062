/**
 * What former versions left behind, started under this one: `test/upgrade/VERSION.tar.gz` holds database, spool and derived objects of a
 * version, and what its API said of them (`test/upgrade/pack.ts` makes one). Their times are moved, as if it had been stopped just now.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  type Api,
  eventually,
  fetchApi,
  freePort,
  type IchorProcess,
  openApi,
  runIchor,
  startIchor,
  studyView,
  untilResult,
} from '../support/ichor.ts';
import { type Pacs, startPacs } from '../support/pacs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const ARCHIVES = join(import.meta.dirname, '..', 'upgrade');
const versions = (await readdir(ARCHIVES))
  .filter((name) => name.endsWith('.tar.gz'))
  .map((name) => basename(name, '.tar.gz'));

/** What the packed version's API and `ichor notifications --json` said. */
type Before = { readonly studies: readonly StudyView[]; readonly notifications: readonly string[] };

test('there is something of a former version to start with', () => {
  expect(versions).toContain('v0.2.0');
});

describe.each(versions)('what %s left behind', (version) => {
  let folder: WorkFolder;
  let postgres: TestPostgres;
  let ichor: IchorProcess;
  let api: Api;
  let pacs: Pacs | undefined;
  let before: Before;
  let env: Record<string, string>;
  const awayPacs = { port: 0, dir: '' };

  beforeAll(async () => {
    [folder, postgres] = [await openWorkFolder('upgrade'), await startPostgres()];
    const [data, received] = [join(folder.path, 'data'), join(folder.path, 'received')];
    for (const path of [data, received]) await mkdir(path);
    const unpacked = spawnSync('tar', ['-xzf', join(ARCHIVES, `${version}.tar.gz`), '-C', data], { encoding: 'utf8' });
    expect(unpacked.stderr).toBe('');
    before = JSON.parse(await readFile(join(data, 'before.json'), 'utf8')) as Before;
    await restore(postgres.url, await readFile(join(data, 'database.sql'), 'utf8'), before);
    Object.assign(awayPacs, { port: await freePort(), dir: received });
    env = {
      ICHOR_DATABASE_URL: postgres.url,
      ICHOR_DATA_DIR: data,
      ICHOR_DICOM_PORT: String(await freePort()),
      ICHOR_HTTP_PORT: String(await freePort()),
      ICHOR_DESTINATIONS: `PACS@127.0.0.1:${await freePort()},AWAY@127.0.0.1:${awayPacs.port}`,
      // Another than the one of before: the same analysis of the same instances would be no new revision.
      ICHOR_THRESHOLDS: 'any=0.45',
      ICHOR_DELIVERY_BACKOFF_MS: '500',
    };
    ichor = startIchor([], env);
    api = await openApi(Number(env['ICHOR_HTTP_PORT']), env).catch((error: Error) => {
      throw new Error(`${error.message}\n${ichor.output()}`);
    });
  });
  afterAll(async () => {
    await ichor?.stop();
    await pacs?.stop();
    await postgres?.stop();
    await folder?.remove();
  });

  test('every study is as before, in its state, with its findings, key slices and deliveries', async () => {
    expect(before.studies.map(({ state }) => state).sort()).toEqual(['clear', 'flagged', 'not-analysed']);
    for (const former of before.studies) {
      const { times: _times, deliveries, ...same } = former;
      const now = (await studyView(api, former.studyInstanceUid))!;
      expect(now).toMatchObject(same);
      expect(now.deliveries.map(sent)).toEqual(expect.arrayContaining(deliveries.map(sent)));
      expect(now.deliveries).toHaveLength(deliveries.length);
    }
  });

  test('the study page has its report, slices and heat maps', async () => {
    for (const { studyInstanceUid, keySlices, state } of before.studies) {
      const answer = await fetchApi(api, `/api/studies/${studyInstanceUid}/detail`);
      const detail = (await answer.json()) as { report: { name: string }[]; slices: unknown[]; revisions: unknown[] };
      expect([answer.status, detail.report.length > 0, detail.revisions.length]).toEqual([200, true, 1]);
      expect(detail.slices.length > 0).toBe(state !== 'not-analysed');
      if (state === 'flagged') expect(keySlices.length).toBeGreaterThan(0);
    }
  });

  test('nobody is notified twice', async () => {
    const { stdout } = await runIchor(['notifications', '--json'], env);
    const told = (line: string) => {
      const { id, kind, studyInstanceUid, revision, controlId, state, attempts } = JSON.parse(line);
      return { id, kind, studyInstanceUid, revision, controlId, state, attempts };
    };
    expect(stdout.trim().split('\n').map(told)).toEqual(before.notifications.map(told));
  });

  test('what waited for a PACS that was away is delivered when it is back, and nothing else', async () => {
    pacs = await startPacs({
      port: awayPacs.port,
      keepIn: awayPacs.dir,
      commitment: { reportPort: Number(env['ICHOR_DICOM_PORT']), fail: 0 },
    });
    const waiting = before.studies.flatMap(({ deliveries }) => deliveries.filter(({ state }) => state === 'pending'));
    expect(waiting.length).toBeGreaterThan(2);
    await eventually('every delivery', async () => {
      const views = await Promise.all(before.studies.map((study) => studyView(api, study.studyInstanceUid)));
      return views.every((view) => view!.deliveries.every(({ state }) => state === 'committed'));
    });
    const stored = (await readdir(awayPacs.dir)).map((name) => basename(name, '.dcm'));
    expect(stored.sort()).toEqual(waiting.map(({ sopInstanceUid }) => sopInstanceUid).sort());
  });

  test('a study is analysed again from its stored instances, with the same findings', async () => {
    const former = before.studies.find(({ state }) => state === 'flagged')!;
    expect((await runIchor(['retriage', former.studyInstanceUid], env)).code).toBe(0);
    const again = await untilResult(api, former.studyInstanceUid, 2);
    expect([again.state, again.receivedInstances]).toEqual(['flagged', former.receivedInstances]);
    for (const [name, { score }] of Object.entries(former.findings!))
      expect([name, again.findings![name]!.score]).toEqual([name, expect.closeTo(score, 4)]);
  });
});

const sent = ({ destination, sopInstanceUid, object, state }: StudyView['deliveries'][number]) => ({
  destination,
  sopInstanceUid,
  object,
  state,
});

/** Runs the dump, then moves every time, so that nothing has grown too old meanwhile. */
async function restore(url: string, dump: string, { studies }: Before): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(dump);
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('UPDATE %I.%I SET %s', table_schema, table_name,
                   string_agg(format('%1$I = %1$I + $1::interval', column_name), ', ')) AS statement
     FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
     WHERE data_type = 'timestamp with time zone' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
       AND table_schema = 'public'
     GROUP BY table_schema, table_name`,
  );
  const last = Math.max(...studies.map(({ times }) => Date.parse(times.decided!)));
  const seconds = Math.floor((Date.now() - last) / 1000) - 60;
  // No trigger fires: the audit trail can only be appended to.
  await client.query('SET session_replication_role = replica');
  for (const { statement } of rows) await client.query(statement, [`${seconds} seconds`]);
  await client.end();
}
