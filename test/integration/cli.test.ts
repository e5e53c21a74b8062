/** The commands of `ichor`, run as a person runs them: real processes, real peers. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { readMeta } from '@ichor/dicom/readPart10';
import type { StudyView } from '@ichor/shared/study';
import { StudyViewSchema } from '@ichor/worklist/studySchema';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, freePort, ROOT, runIchor } from '../support/ichor.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const LAUNCHER = join(ROOT, 'apps', 'cli', 'bin', 'ichor');
const BUNDLE = join(ROOT, 'models', 'default');
let folder: WorkFolder;
beforeAll(async () => {
  folder = await openWorkFolder('cli');
});
afterAll(() => folder?.remove());
const at = (...parts: string[]): string => join(folder.path, ...parts);

async function makePhantom(name: string, ...options: string[]): Promise<string> {
  const made = await runIchor(['phantom', '--out', at(name), '--matrix', '256', ...options]);
  expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
  return at(name);
}

describe('the launcher', () => {
  test('is found by npx and starts the Node of npm ci, whatever Node runs npx', () => {
    const { status, stdout } = spawnSync('npx', ['--no-install', 'ichor', '--help'], { cwd: ROOT, encoding: 'utf8' });
    expect(status).toBe(0);
    for (const command of [
      'start',
      'demo',
      'doctor',
      'echo',
      'send',
      'phantom',
      'triage',
      'evaluate',
      'retriage',
      'redeliver',
      'incidents',
      'migrate',
      'bundle',
    ])
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    expect(stdout).toContain('Not for diagnostic use');
    expect(stdout).toMatch(/^ {2}3 {2}`triage`/m);
  });

  test('works through a link from any folder and passes the exit code on', () => {
    const unknown = spawnSync(LAUNCHER, ['nonsense'], { cwd: '/', encoding: 'utf8' });
    expect([unknown.status, unknown.stdout]).toEqual([2, '']);
    expect(unknown.stderr).toContain("unknown command 'nonsense'");
  });

  test('keeps what Node compiles for the next start, and does without it where there is no place for it', async () => {
    const helpWith = (cache: string) => {
      const env = { PATH: process.env['PATH']!, NODE_COMPILE_CACHE: cache };
      return spawnSync(LAUNCHER, ['--help'], { env, encoding: 'utf8' });
    };
    const [cache, noFolder] = [at('cache'), at('no-folder')];
    await writeFile(noFolder, '');
    const kept = helpWith(cache);
    expect([kept.status, kept.stderr]).toEqual([0, '']);
    expect(await readdir(cache, { recursive: true })).not.toEqual([]);
    expect(helpWith(noFolder)).toMatchObject({ status: 0, stdout: kept.stdout, stderr: '' });
  });

  test.each([
    ['that runs', async (port: number) => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok],
    [
      'whose database is only being made',
      async (_: number, data: string) => existsSync(join(data, 'postgres', 'global', 'pg_control')),
    ],
  ])('passes SIGTERM on, and a role %s drains and ends with 0', async (state, reached) => {
    const [port, data] = [await freePort(), at(`launcher ${state}`)];
    const env = { PATH: process.env['PATH']!, ICHOR_DATA_DIR: data, ICHOR_HTTP_PORT: String(port) };
    const child = spawn(LAUNCHER, ['start', 'worklist'], { env, stdio: 'ignore' });
    await eventually(`a role ${state}`, () => reached(port, data));
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

test('SIGTERM while a role waits for its database drains the roles that run, and ends soon', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const env = { PATH: process.env['PATH']!, ICHOR_DATA_DIR: at('away'), ICHOR_HTTP_PORT: '0' };
  const dicomPort = await freePort();
  const child = spawn(LAUNCHER, ['start', 'receiver', 'worklist'], {
    env: { ...env, ICHOR_DICOM_PORT: `${dicomPort}`, ICHOR_DATABASE_URL: `postgres://ichor@127.0.0.1:${port}/ichor` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  const ended = once(child, 'exit');
  const answers = async () => (await runIchor(['echo', `ICHOR@127.0.0.1:${dicomPort}`])).code === 0;
  await eventually('the receiver', answers);
  child.kill('SIGTERM');
  expect(await ended).toEqual([1, null]);
  silent.close();
  expect(await stdout).toContain('role.stopping');
  expect(await stderr).toContain('Stopping');
  expect(await stderr).not.toContain('DATABASE_UNAVAILABLE');
});

test('a folder whose files the file system does not give says so, and not that nothing is in it', async () => {
  /** A file there that nobody may read, root included. */
  const folder = '/proc/sys/net/ipv4/route';
  for (const args of [
    ['triage', folder],
    ['send', 'PACS@127.0.0.1:1', join(folder, 'flush')],
  ]) {
    const { code, stderr } = await runIchor(args);
    expect([args, code]).toEqual([args, args[0] === 'send' ? 1 : 2]);
    expect(stderr).toMatch(/flush cannot be read: EACCES: permission denied/);
  }
});

describe('ichor doctor', () => {
  test('names every problem of the configuration at once, and no secret', async () => {
    const { code, stdout } = await runIchor(['doctor'], {
      ICHOR_DICOM_PORT: '99999',
      ICHOR_DESTINATIONS: 'PACS',
      ICHOR_NONSENSE: '1',
      ICHOR_DICOM_TLS_KEY: '/etc/key.pem',
      ICHOR_DATABASE_URL: 'postgres://ichor:hunter2@db.example/ichor',
      ICHOR_QUEUE_URL: 'redis://:hunter2@queue.example:6379',
    });
    expect(code).toBe(1);
    for (const name of ['ICHOR_DICOM_PORT', 'ICHOR_DESTINATIONS', 'ICHOR_NONSENSE', 'ICHOR_DICOM_TLS_CERT'])
      expect(stdout).toMatch(new RegExp(`^  fail  configuration .*${name}`, 'm'));
    expect(stdout).not.toContain('hunter2');
    expect(stdout).toContain('postgres://ichor:***@db.example/ichor');
  });

  test('checks ports, stores, model and destinations, each with its remedy', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { code, stdout } = await runIchor(['doctor'], {
      ICHOR_DATA_DIR: at('doctor'),
      ICHOR_DICOM_PORT: String(port),
      ICHOR_HTTP_PORT: String(await freePort()),
      ICHOR_DESTINATIONS: `NOBODY@127.0.0.1:${await freePort()}`,
      ICHOR_DATABASE_URL: `postgres://ichor:hunter2@127.0.0.1:${await freePort()}/ichor`,
      ICHOR_MODEL: at('no-model'),
    });
    taken.close();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}ok {4}node /m);
    expect(stdout).toMatch(/^ {2}ok {4}data folder .*will be made/m);
    expect(stdout).toMatch(/^ {2}fail {2}DICOM port .*set ICHOR_DICOM_PORT/m);
    expect(stdout).toMatch(/^ {2}ok {4}HTTP port .*is free/m);
    expect(stdout).toMatch(/^ {2}fail {2}database .*ICHOR_DATABASE_URL/m);
    expect(stdout).toMatch(/^ {2}fail {2}model .*ichor bundle verify/m);
    expect(stdout).toMatch(/^ {2}fail {2}NOBODY .*cannot be reached/m);
    expect(stdout).not.toContain('hunter2');
  });
});

describe('ichor echo and send', () => {
  let storescp: { port: number; dir: string; stop(): void };
  beforeAll(async () => {
    const [port, dir] = [await freePort(), at('storescp')];
    await mkdir(dir);
    const child = spawn('storescp', ['+xa', '+B', '+uf', '-od', dir, '-aet', 'STORESCP', String(port)], {
      stdio: 'ignore',
    });
    storescp = { port, dir, stop: () => void child.kill() };
    await eventually('storescp', async () => (await runIchor(['echo', `STORESCP@127.0.0.1:${port}`])).code === 0);
  });
  afterAll(() => storescp?.stop());
  const peer = (): string => `STORESCP@127.0.0.1:${storescp.port}`;

  test('echo says who answered and how fast; a peer that is not there is a failure with its reason', async () => {
    expect((await runIchor(['echo', peer()])).stdout).toMatch(
      /^STORESCP answers C-ECHO at 127\.0\.0\.1:\d+ \(\d+ ms\)$/m,
    );
    const away = await runIchor(['echo', `STORESCP@127.0.0.1:${await freePort()}`]);
    expect([away.code, away.stdout]).toEqual([1, '']);
    expect(away.stderr).toContain('cannot be reached');
    expect((await runIchor(['echo', 'not-a-peer'])).code).toBe(2);
  });

  test('echo to the port of a web server says that no DICOM is spoken there', async () => {
    const web = createServer(
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    const port = await freePort();
    web.listen(port, '127.0.0.1');
    await once(web, 'listening');
    const { code, stderr } = await runIchor(['echo', `PACS@127.0.0.1:${port}`]);
    web.close();
    expect([code, stderr]).toEqual([1, expect.stringContaining('does not speak DICOM')]);
  });

  test('send brings a folder over bit for bit', async () => {
    const sent = await makePhantom('to-send', '--slices', '12');
    const { code, stdout } = await runIchor(['send', peer(), sent, '--calling', 'CTSCANNER']);
    expect([code, stdout.trim()]).toEqual([0, 'STORESCP has taken 12 of 12 instances.']);
    for (const file of (await readdir(sent)).filter((name) => name.endsWith('.dcm')))
      expect(await datasetIn(join(sent, file))).toEqual(await receivedDataset(join(sent, file)));
  });

  test('send refuses what is no DICOM file, and a folder without one', async () => {
    await writeFile(at('note.txt'), 'not DICOM');
    const refused = await runIchor(['send', peer(), at('note.txt')]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is not a DICOM file')]);
    await mkdir(at('empty'), { recursive: true });
    expect((await runIchor(['send', peer(), at('empty')])).code).toBe(2);
  });

  describeWithSharedData('with the compressed slices of ../shared', () => {
    test('send keeps every transfer syntax that the peer takes, names those that it does not, and never transcodes', async () => {
      const dir = sharedData('transfer-syntaxes', 'single-slice');
      const files = (await readdir(dir)).filter((name) => name.endsWith('.dcm'));
      const { code, stdout, stderr } = await runIchor(['send', peer(), dir]);
      const refused = files.filter((file) => stderr.includes(`${file}:`));
      expect([code, stdout.trim()]).toEqual([
        1,
        `STORESCP has taken ${files.length - refused.length} of ${files.length} instances.`,
      ]);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThan(5);
      for (const file of files.filter((name) => !refused.includes(name)))
        expect(await receivedDataset(join(dir, file))).toEqual(padded(await datasetIn(join(dir, file))));
    });
  });

  /** The dataset that storescp wrote for a file; `+B` writes it as it came. */
  async function receivedDataset(path: string): Promise<Buffer> {
    const wanted = readMeta(await readFile(path), path);
    for (const name of await readdir(storescp.dir)) {
      const received = join(storescp.dir, name);
      const meta = readMeta(await readFile(received), received);
      if (meta.sopInstanceUid === wanted.sopInstanceUid && meta.transferSyntaxUid === wanted.transferSyntaxUid)
        return datasetIn(received);
    }
    throw new Error(`${path} has not arrived`);
  }
});

async function datasetIn(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  return bytes.subarray(readMeta(bytes, path).datasetOffset);
}
const padded = (bytes: Buffer): Buffer => (bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]));

describe('ichor triage', () => {
  test('gives one study per line as JSON and nothing else on stdout, and writes report and heat maps', async () => {
    const dir = await makePhantom('bleed', '--bleed', 'subdural,intraparenchymal', '--slices', '24');
    const { code, stdout } = await runIchor(['triage', dir, '--json', '--out', at('out')]);
    const [study, ...others] = stdout
      .trim()
      .split('\n')
      .map((line) => StudyViewSchema.parse(JSON.parse(line)) as StudyView);
    expect([code, others]).toEqual([0, []]);
    expect(study?.receivedInstances).toBe(24);
    expect(study?.findings?.any?.score).toBeGreaterThanOrEqual(0);
    const written = await readdir(at('out', study!.studyInstanceUid));
    expect(written.filter((name) => name.startsWith('SR-'))).toHaveLength(1);
    expect(written.filter((name) => name.startsWith('SC-')).length > 0).toBe(study?.state === 'flagged');
  });

  test('ends with 3 and a reason when a study cannot be analysed, beside one that can', async () => {
    const few = await makePhantom(join('mixed', 'few'), '--slices', '5');
    await makePhantom(join('mixed', 'whole'), '--slices', '24', '--seed', '8');
    expect((await runIchor(['triage', few, '--json'])).code).toBe(3);
    const { code, stdout } = await runIchor(['triage', at('mixed'), '--json']);
    const studies = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as StudyView);
    expect(code).toBe(3);
    expect(studies.map((study) => study.reason?.code ?? null)).toEqual(
      expect.arrayContaining(['too-few-slices', null]),
    );
  });

  test('a truncated file among the slices makes the study not analysed, never clear', async () => {
    const dir = await makePhantom('truncated', '--slices', '20', '--seed', '9');
    const whole = await readFile(join(dir, '0010.dcm'));
    await writeFile(join(dir, '0010.dcm'), whole.subarray(0, 400));
    const { code, stdout } = await runIchor(['triage', dir, '--json']);
    expect([code, JSON.parse(stdout).state]).toEqual([3, 'not-analysed']);
  });

  test('tells a person the findings in words', async () => {
    const { code, stdout, stderr } = await runIchor([
      'triage',
      await makePhantom('words', '--slices', '24', '--seed', '10', '--bleed', 'intraparenchymal'),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\s+key slice\s+\d+ of 24\s.*any 0\.\d{3}$/m);
    expect(stdout).toMatch(/^\s+any\s+score \d\.\d{3}\s+threshold/m);
    expect(stdout).toContain('Not for diagnostic use');
    expect(stderr).toContain('Analysing: 1 of 1');
  });

  test('says once that an execution provider cannot be used, and analyses on the processor', async () => {
    const dir = await makePhantom('no-cuda', '--slices', '12', '--seed', '11');
    const { code, stdout, stderr } = await runIchor(['triage', dir, '--json'], { ICHOR_EXECUTION_PROVIDERS: 'nosuch' });
    expect([code, stdout]).toEqual([0, expect.stringContaining('"state"')]);
    expect(stderr.match(/cannot be used/g)).toHaveLength(1);
    expect(stderr).toContain('the processor last');
  });

  test.each([
    ['a folder that does not exist', 'nowhere'],
    ['a folder without DICOM', 'empty-folder'],
    ['a file', 'a-file.dcm'],
  ])('%s is bad input', async (_, name) => {
    await mkdir(at('empty-folder'), { recursive: true });
    await writeFile(at('a-file.dcm'), '');
    const { code, stdout, stderr } = await runIchor(['triage', at(name), '--json']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(at(name));
  });
});

describe('ichor bundle verify', () => {
  test('passes the bundle of the repository', async () => {
    const { code, stdout } = await runIchor(['bundle', 'verify', BUNDLE]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ok {2}/)]);
  });

  test('names the file that was tampered with, and triage refuses the bundle', async () => {
    await cp(BUNDLE, at('tampered'), { recursive: true });
    const bytes = await readFile(at('tampered', 'sequence.onnx'));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(at('tampered', 'sequence.onnx'), bytes);
    const { code, stdout } = await runIchor(['bundle', 'verify', at('tampered')]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^fail {2}.*sequence\.onnx/m)]);
    const refused = await runIchor(['triage', await makePhantom('for-tampered', '--slices', '12')], {
      ICHOR_MODEL: at('tampered'),
    });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('ichor bundle verify')]);
  });
});

test.each([
  [{ ICHOR_BIND: '192.0.2.1' }, /192\.0\.2\.1:.*ICHOR_BIND/],
  [{ ICHOR_DATA_DIR: '/proc/ichor' }, /\/proc\/ichor cannot be used.*ICHOR_DATA_DIR/],
])('a receiver that cannot start with %j says which setting to change', async (settings, message) => {
  const env = { ICHOR_DATA_DIR: at('no-start'), ICHOR_DICOM_PORT: '0', ...settings };
  const { code, stderr } = await runIchor(['start', 'receiver'], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});

describe('commands on the database', () => {
  test('migrate, incidents, retriage and redeliver work on the embedded default and tell an unknown study', async () => {
    const env = { ICHOR_DATA_DIR: at('upkeep') };
    expect(await runIchor(['migrate'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/up to date \(\d+ migrations\)/),
    });
    expect(await runIchor(['incidents'], env)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('No incidents.'),
    });
    expect(await runIchor(['retriage', '9.9.9'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not known'),
    });
    expect(await runIchor(['redeliver'], env)).toMatchObject({ code: 2 });
    expect(await runIchor(['redeliver', '--study', '9.9.9'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Study 9.9.9 is not known'),
    });
    expect(await runIchor(['redeliver', '--destination', 'TYPO'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('TYPO'),
    });
    expect(await runIchor(['redeliver', '--all-dead'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0'),
    });
  });
});
