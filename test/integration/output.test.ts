/** What Ichor prints while it gets odd input: lines of its log on stdout, its greeting on stderr, no patient, nothing that a terminal obeys. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { openDatabase } from '@ichor/store/postgres/database';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  type Api,
  eventually,
  freePort,
  type IchorProcess,
  openApi,
  runIchor,
  startIchor,
  untilReported,
} from '../support/ichor.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const PATIENT = 'Unmistakable\u001b[8m^Patient';
const EVIL_CALLER = '\u001b[31mEVIL\u009b2J';

let postgres: TestPostgres;
let folder: WorkFolder;
let ichor: IchorProcess;
let api: Api;
let settings: Record<string, string>;
beforeAll(async () => {
  [postgres, folder] = [await startPostgres(), await openWorkFolder('output')];
  const [dicomPort, httpPort] = [await freePort(), await freePort()];
  settings = {
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DATA_DIR: join(folder.path, 'data'),
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_DESTINATIONS: 'HOSPPACS@127.0.0.1:1',
    ICHOR_QUIET_PERIOD_MS: '500',
    ICHOR_LOG_LEVEL: 'debug',
  };
  ichor = startIchor([], settings);
  api = await openApi(httpPort, settings);
});
afterAll(async () => {
  await ichor?.stop();
  await postgres?.stop();
  await folder?.remove();
});

const send = (caller: string, ...args: readonly string[]) =>
  spawnSync('storescu', ['-aet', caller, '-aec', 'ICHOR', ...args]);
const receiver = (): string[] => ['127.0.0.1', settings['ICHOR_DICOM_PORT']!];

test('lines of the log and nothing else, whatever comes in', async () => {
  const study = await writePhantomStudy({
    out: join(folder.path, 'ct'),
    seed: 77,
    bleeds: ['subdural'],
    slices: 14,
    matrix: 64,
    decorate: (dataset, index) => {
      dataset['PatientName'] = PATIENT;
      dataset['SeriesDescription'] = 'Head\0\u001b]0;x\u0007';
      dataset['StudyDescription'] = 'Unmistakable'.repeat(500);
      if (index === 3) dataset['InstanceNumber'] = 'Unmistakable';
    },
  });
  expect(send('CTSCANNER', ...receiver(), ...study.files).status).toBe(0);
  send(EVIL_CALLER, '-aec', 'NOBODY', ...receiver(), study.files[0]!);
  for (const garbage of ['GET / HTTP/1.1\r\n\r\n', '\u0001\0\0\0\0\u0004\u001b[31']) {
    const socket = connect(Number(settings['ICHOR_DICOM_PORT']), '127.0.0.1', () => socket.end(garbage));
    socket.resume();
    await once(socket, 'close');
  }
  await untilReported(api, study.studyInstanceUid);
  await eventually('the refused association', async () => (await incidents()).stdout.includes('EVIL'));

  const lines = ichor.output().trimEnd().split('\n');
  const greeting = /^(Ichor runs\.|warning: | {2}(DICOM|worklist) {2})/;
  for (const line of lines.filter((one) => !greeting.test(one)))
    expect(JSON.parse(line)).toMatchObject({ event: expect.any(String), level: expect.any(Number) });
  expect(ichor.output()).not.toContain('Unmistakable');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
  expect(ichor.output()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('`ichor incidents` shows what a peer sent, and no terminal obeys it', async () => {
  const database = await openDatabase({ databaseUrl: postgres.url, dataDir: folder.path }, silentLog);
  const row = ['X', `said ${EVIL_CALLER}\n2026-01-01  all is well`, EVIL_CALLER];
  await database.pool.query('INSERT INTO incident (code, message, calling_ae_title) VALUES ($1, $2, $3)', row);
  await database.close();
  for (const args of [[], ['--json']]) {
    const { code, stdout } = await incidents(...args);
    expect([code, stdout.includes('\\u001b[31mEVIL')]).toEqual([0, true]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    if (args.length > 0) for (const line of stdout.trimEnd().split('\n')) JSON.parse(line);
  }
});

const incidents = (...args: readonly string[]) => runIchor(['incidents', ...args], settings);
