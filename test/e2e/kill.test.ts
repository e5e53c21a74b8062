/**
 * `kill -9` of receiver, worker, database and Redis at random moments (fixed seed) while 20 studies are sent: no
 * acknowledged instance is lost, every study gets exactly one result and exactly one report in the PACS.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually, freePort, type IchorProcess, runIchor, startIchor, untilReady } from '../support/ichor.ts';
import { type Orthanc, startOrthanc } from '../support/orthanc.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const STUDIES = 20;
const SLICES = 12;
const KILLS = 8;
const SEED = 20_261_123;
/** Longer than a sender needs to come back after a kill, so that a study is complete once. */
const QUIET_PERIOD_MS = 15_000;

let folder: WorkFolder;
let postgres: TestPostgres;
let redis: RedisServer;
let orthanc: Orthanc;
let settings: Record<string, string>;
let dicomPort: number;
let httpPort: number;
const running = new Map<'receiver' | 'worker' | 'worklist', IchorProcess>();

beforeAll(async () => {
  folder = await openWorkFolder('kill');
  [postgres, redis, dicomPort, httpPort] = [
    await startPostgres(),
    await startRedis(),
    await freePort(),
    await freePort(),
  ];
  const [pacsDicom, pacsHttp] = [await freePort(), await freePort()];
  orthanc = await startOrthanc({
    dir: join(folder.path, 'pacs'),
    dicomPort: pacsDicom,
    httpPort: pacsHttp,
    ichorPort: dicomPort,
  });
  settings = {
    ICHOR_DATA_DIR: join(folder.path, 'data'),
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_QUEUE_URL: redis.url,
    ICHOR_DESTINATIONS: `HOSPPACS@127.0.0.1:${pacsDicom}`,
    ICHOR_QUIET_PERIOD_MS: String(QUIET_PERIOD_MS),
    ICHOR_DELIVERY_BACKOFF_MS: '500',
    ICHOR_DISK_FLOOR_BYTES: '0',
  };
  const made = await runIchor([
    'phantom',
    '--out',
    join(folder.path, 'ct'),
    '--seed',
    '600',
    '--studies',
    String(STUDIES),
    '--slices',
    String(SLICES),
    '--matrix',
    '128',
    '--bleed',
    'random',
  ]);
  expect(made.code).toBe(0);
  for (const role of ['receiver', 'worker', 'worklist'] as const) start(role);
  await untilReady(httpPort);
}, 300_000);

afterAll(async () => {
  for (const process of running.values()) await process.stop();
  await orthanc.stop();
  await redis.stop();
  await postgres.stop();
  await folder.remove();
});

test('kills at random moments lose no acknowledged instance and give one result and one report per study', async () => {
  const random = seeded(SEED);
  const acknowledged = new Set<string>();
  const killing = killAtRandom(random);
  const folders = (await readdir(join(folder.path, 'ct'))).sort();
  for (const name of folders) await sendUntilAcknowledged(join(folder.path, 'ct', name), acknowledged);
  await killing;

  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    await eventually(
      'every study has its report committed in the PACS',
      async () => (await undelivered(client)) === 0,
      240_000,
    );
    const spooled = await spooledInstances();
    expect([...acknowledged].filter((uid) => !spooled.has(uid))).toEqual([]);
    expect(acknowledged.size).toBe(STUDIES * SLICES);
    const { rows } = await client.query('SELECT study_instance_uid, count(*)::int AS results FROM result GROUP BY 1');
    expect(rows.map((row) => row.results)).toEqual(new Array(STUDIES).fill(1));
    for (const { study_instance_uid: uid } of rows) expect(await reportsInPacs(uid)).toBe(1);
    const { rows: indexed } = await client.query('SELECT count(*)::int AS instances FROM instance');
    expect(indexed[0].instances).toBe(STUDIES * SLICES);
  } finally {
    await client.end();
  }
}, 480_000);

function start(role: 'receiver' | 'worker' | 'worklist'): void {
  running.set(role, startIchor([role], settings));
}

/** Kills one part after the other, each followed by its restart, as a supervisor would. */
async function killAtRandom(random: () => number): Promise<void> {
  const victims = ['receiver', 'worker', 'database', 'redis'] as const;
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(1_500 + random() * 4_000);
    const victim = victims[Math.floor(random() * victims.length)]!;
    if (victim === 'database') await postgres.kill();
    else if (victim === 'redis') await redis.kill();
    else await running.get(victim)!.stop('SIGKILL');
    await pause(random() * 1_500);
    if (victim === 'database') await postgres.restart();
    else if (victim === 'redis') await redis.restart();
    else start(victim);
  }
}

/** A scanner: sends what was not acknowledged yet, until all of it is. */
async function sendUntilAcknowledged(study: string, acknowledged: Set<string>): Promise<void> {
  const files = (await readdir(study)).filter((name) => name.endsWith('.dcm')).map((name) => join(study, name));
  const uidOf = await uids(study);
  await eventually(
    `${basename(study)} is acknowledged`,
    async () => {
      const left = files.filter((file) => !acknowledged.has(uidOf.get(basename(file))!));
      if (left.length === 0) return true;
      for (const file of await send(left)) acknowledged.add(uidOf.get(basename(file))!);
      return files.every((file) => acknowledged.has(uidOf.get(basename(file))!));
    },
    60_000,
  );
}

/** @returns the files that were answered with Success */
async function send(files: readonly string[]): Promise<string[]> {
  const storescu = spawn('storescu', [
    '-v',
    '-R',
    '-to',
    '10',
    '-ta',
    '10',
    '-td',
    '10',
    '-aet',
    'CTSCANNER',
    '-aec',
    'ICHOR',
    '127.0.0.1',
    String(dicomPort),
    ...files,
  ]);
  let output = '';
  for (const stream of [storescu.stdout, storescu.stderr]) stream.on('data', (data) => (output += data));
  await once(storescu, 'close');
  const sent: string[] = [];
  let current = '';
  for (const line of output.split('\n')) {
    current = /Sending file: (.*)$/.exec(line)?.[1] ?? current;
    if (/Received Store Response \(Success\)/.test(line)) sent.push(current);
  }
  return sent;
}

async function uids(study: string): Promise<Map<string, string>> {
  const [header, ...rows] = (await readFile(join(study, 'labels.csv'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  const column = header!.indexOf('sopInstanceUid');
  return new Map(rows.map((row) => [row[0]!, row[column]!]));
}

async function spooledInstances(): Promise<Set<string>> {
  const names = await readdir(join(settings['ICHOR_DATA_DIR']!, 'spool'), { recursive: true });
  return new Set(names.filter((name) => name.endsWith('.dcm')).map((name) => basename(name, '.dcm')));
}

/** Studies that are not through yet. */
async function undelivered(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    `SELECT $1 - count(*)::int AS missing FROM study s
      WHERE result_id IS NOT NULL AND analysed_request = request
        AND EXISTS (SELECT FROM delivery d WHERE d.result_id = s.result_id)
        AND NOT EXISTS (SELECT FROM delivery d WHERE d.result_id = s.result_id AND d.state NOT IN ('stored', 'committed'))`,
    [STUDIES],
  );
  return rows[0].missing;
}

async function reportsInPacs(studyInstanceUid: string): Promise<number> {
  const found = await orthanc.post<string[]>('/tools/find', {
    Level: 'Instance',
    Query: { StudyInstanceUID: studyInstanceUid, SOPClassUID: '1.2.840.10008.5.1.4.1.1.88.34' },
  });
  return found.length;
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
