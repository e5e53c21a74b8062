/** What the receiver knows to be lost, from the socket to the database: on a real PostgreSQL, sent by a peer made of bytes. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startReceiverRole } from '@ichor/receiver/receiver';
import { loadConfig } from '@ichor/settings/config';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, freePort, startIchor } from '../support/ichor.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { plainCt } from '../support/rawDataset.ts';
import {
  abortRequest,
  CT,
  CT_CONTEXT,
  connectRaw,
  pData,
  pdv,
  type RawPeer,
  releaseRequest,
  statusIn,
  storeCommand,
  storeRequest,
} from '../support/rawPeer.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const DOSE_SR = '1.2.840.10008.5.1.4.1.1.88.67';
const CONTEXTS = [CT_CONTEXT, { ...CT_CONTEXT, id: 3, abstractSyntax: DOSE_SR }];

let postgres: TestPostgres;
let database: Database;
let folder: WorkFolder;
let receivers: Awaited<ReturnType<typeof startReceiverRole>>[] = [];
let port: number;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});
beforeEach(async () => {
  folder = await openWorkFolder('losses');
  await database.pool.query('TRUNCATE spool, study, lost_instance, transfer, released_series, incident CASCADE');
  port = await startReceiver();
});
afterEach(async () => {
  for (const receiver of receivers) await receiver.close();
  receivers = [];
  await folder.remove();
});

async function startReceiver(env: Record<string, string> = {}): Promise<number> {
  const config = loadConfig({
    ICHOR_DATA_DIR: folder.path,
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DICOM_PORT: '0',
    ICHOR_DISK_FLOOR_BYTES: '0',
    ICHOR_QUIET_PERIOD_MS: '86400000',
    ...env,
  });
  receivers.push(await startReceiverRole(config, silentLog));
  return receivers.at(-1)!.port;
}

const uidOf = (study: string, slice: number): string => `${study}.1.${slice}`;
const ct = (study: string, slice: number, more: { series?: string; instance?: string } = {}): Buffer =>
  plainCt({ study, series: `${study}.1`, instance: uidOf(study, slice), sopClass: CT, ...more });

async function open(): Promise<RawPeer> {
  const peer = await connectRaw(port);
  await peer.associate({ contexts: CONTEXTS });
  return peer;
}

/** @param as Affected SOP Instance UID. @returns the status */
async function store(
  peer: RawPeer,
  study: string,
  slice: number,
  dataset = ct(study, slice),
  as = uidOf(study, slice),
) {
  peer.send(storeRequest(as, dataset));
  return statusIn(await peer.response());
}

async function storeAll(peer: RawPeer, study: string, slices: readonly number[]): Promise<void> {
  for (const slice of slices) expect(await store(peer, study, slice)).toBe(0);
}

async function release(peer: RawPeer): Promise<void> {
  peer.send(releaseRequest());
  await peer.closed();
}

async function sendReleased(study: string, slices: readonly number[]): Promise<void> {
  const peer = await open();
  await storeAll(peer, study, slices);
  await release(peer);
}

const known = async (study: string) => (await database.pool.query('SELECT incompleteness($1) AS i', [study])).rows[0].i;
const until = (study: string, wanted: { missingInstances: number; brokenOffSeries: number } | null) =>
  eventually(
    `${JSON.stringify(wanted)} of ${study}`,
    async () => (await settled()) && JSON.stringify(await known(study)) === JSON.stringify(wanted && inOrder(wanted)),
    20_000,
  );
/** All that was noted before is written once a later loss is. */
let fences = 0;
async function expectWhole(study: string): Promise<void> {
  const fence = `1.9.${++fences}`;
  const peer = await open();
  expect(await store(peer, fence, 1, ct(fence, 1), `${fence}.9`)).toBe(0xa900);
  await release(peer);
  await until(fence, { missingInstances: 1, brokenOffSeries: 0 });
  expect(await known(study)).toBeNull();
}
/** As `jsonb` keeps it. */
const inOrder = ({ missingInstances, brokenOffSeries }: { missingInstances: number; brokenOffSeries: number }) => ({
  brokenOffSeries,
  missingInstances,
});
/** No transfer is open any more. */
const settled = async (): Promise<boolean> =>
  (await database.pool.query('SELECT count(*)::int AS n FROM transfer WHERE ended_at IS NULL')).rows[0].n === 0;
/** Incidents are written a moment after they happen. */
const incidents = (code: string, count = 1) =>
  eventually(`${count} of ${code}`, async () => {
    const { rows } = await database.pool.query(
      'SELECT study_instance_uid AS study, sop_instance_uid AS sop, calling_ae_title AS caller FROM incident WHERE code = $1 ORDER BY 1, 2',
      [code],
    );
    return rows.length >= count ? rows : null;
  });

describe('refused instances', () => {
  test('count against the study that their dataset names, one by one, until each has come', async () => {
    const peer = await open();
    await storeAll(peer, '1.2.1', [1, 2]);
    expect(await store(peer, '1.2.1', 3, ct('1.2.1', 3), '1.2.1.1.333')).toBe(0xa900);
    expect(await store(peer, '1.2.1', 4, ct('1.2.1', 4, { instance: 'none' }))).toBe(0xc000);
    await release(peer);
    await until('1.2.1', { missingInstances: 2, brokenOffSeries: 0 });
    expect(await incidents('IDENTITY_MISMATCH')).toEqual([{ study: '1.2.1', sop: '1.2.1.1.3', caller: 'RAWPEER' }]);
    expect(await incidents('UID_INVALID')).toEqual([{ study: '1.2.1', sop: '1.2.1.1.4', caller: 'RAWPEER' }]);
    await sendReleased('1.2.1', [4]);
    await until('1.2.1', { missingInstances: 1, brokenOffSeries: 0 });
    await sendReleased('1.2.1', [3]);
    await until('1.2.1', null);
  });

  test('count against every study of the association when their own cannot be read, those that follow included', async () => {
    const peer = await open();
    await storeAll(peer, '1.2.11', [1]);
    expect(await store(peer, '1.2.11', 2, Buffer.from('no dataset'))).toBe(0xc000);
    await storeAll(peer, '1.2.12', [1]);
    await release(peer);
    await sendReleased('1.2.13', [1]);
    await until('1.2.11', { missingInstances: 1, brokenOffSeries: 0 });
    await until('1.2.12', { missingInstances: 1, brokenOffSeries: 0 });
    await expectWhole('1.2.13');
    await sendReleased('1.2.11', [2]);
    await until('1.2.11', null);
    await until('1.2.12', null);
  });

  test('count no longer when they come in the same association, and not at all when they are stored already', async () => {
    const peer = await open();
    expect(await store(peer, '1.2.21', 1, ct('1.2.21', 1, { series: 'none' }))).toBe(0xc000);
    await storeAll(peer, '1.2.21', [1, 2]);
    expect(await store(peer, '1.2.21', 2, ct('1.2.21', 2, { series: 'none' }))).toBe(0xc000);
    await release(peer);
    await expectWhole('1.2.21');
  });

  test('of a name that another instance has count all the same: a sender that repeats its last UID loses slices', async () => {
    const peer = await open();
    await storeAll(peer, '1.2.31', [1]);
    for (const slice of [2, 3])
      expect(await store(peer, '1.2.31', slice, ct('1.2.31', slice), uidOf('1.2.31', 1))).toBe(0xa900);
    for (const slice of [4, 5])
      expect(await store(peer, '1.2.31', slice, ct('1.2.31', slice, { instance: uidOf('1.2.31', 1) }))).toBe(0xa900);
    await release(peer);
    await until('1.2.31', { missingInstances: 4, brokenOffSeries: 0 });
  });

  test('of a dose report count against nobody, and one of a study of which nothing came is kept for it', async () => {
    const peer = await open();
    await storeAll(peer, '1.2.41', [1]);
    const report = plainCt({ study: '1.2.41', series: '1.2.41.9', instance: '1.2.41.9.1', sopClass: DOSE_SR });
    peer.send(storeRequest('1.2.41.9.2', report, { contextId: 3, sopClassUid: DOSE_SR }));
    expect(statusIn(await peer.response())).toBe(0xa900);
    expect(await store(peer, '1.2.42', 1, ct('1.2.42', 1), '1.2.42.1.9')).toBe(0xa900);
    await release(peer);
    await until('1.2.42', { missingInstances: 1, brokenOffSeries: 0 });
    expect((await incidents('IDENTITY_MISMATCH', 2)).map(({ study }) => study).sort()).toEqual(['1.2.41', '1.2.42']);
    await expectWhole('1.2.41');
  });

  test('without any usable name are made good by a later association to the study that is released', async () => {
    const peer = await open();
    await storeAll(peer, '1.2.51', [1]);
    expect(await store(peer, '1.2.51', 2, ct('1.2.51', 2, { instance: 'none' }), 'neither')).toBe(0xc000);
    await release(peer);
    await until('1.2.51', { missingInstances: 1, brokenOffSeries: 0 });
    await sendReleased('1.2.51', [2]);
    await until('1.2.51', null);
  });

  test('for want of room count: disk below the floor, instance over the limit', async () => {
    port = await startReceiver({ ICHOR_MAX_INSTANCE_BYTES: '2000' });
    const peer = await open();
    await storeAll(peer, '1.2.61', [1]);
    const large = plainCt({ study: '1.2.61', series: '1.2.61.1', instance: '1.2.61.1.2', sopClass: CT }, 5_000);
    expect(await store(peer, '1.2.61', 2, large)).toBe(0xa700);
    await release(peer);
    port = await startReceiver({ ICHOR_DISK_FLOOR_BYTES: String(Number.MAX_SAFE_INTEGER) });
    const full = await open();
    expect(await store(full, '1.2.61', 3)).toBe(0xa700);
    await release(full);
    await until('1.2.61', { missingInstances: 2, brokenOffSeries: 0 });
  });
});

describe('transfers that end without a release', () => {
  const ENDS: Readonly<Record<string, (peer: RawPeer) => void>> = {
    'A-ABORT between instances': (peer) => peer.send(abortRequest()),
    'a connection that is reset between instances': (peer) => void peer.socket.resetAndDestroy(),
    'a connection that is closed between instances': (peer) => void peer.socket.end(),
    'a broken rule': (peer) => peer.send(Buffer.from('no PDU at all')),
  };
  for (const [name, end] of Object.entries(ENDS))
    test(`leave their series incomplete until a later association to it is released: ${name}`, async () => {
      const peer = await open();
      await storeAll(peer, '1.2.71', [1, 2]);
      end(peer);
      await until('1.2.71', { missingInstances: 0, brokenOffSeries: 1 });
      expect(await incidents('TRANSFER_BROKEN_OFF')).toEqual([{ study: '1.2.71', sop: null, caller: 'RAWPEER' }]);
      await sendReleased('1.2.72', [1]);
      await until('1.2.71', { missingInstances: 0, brokenOffSeries: 1 });
      await sendReleased('1.2.71', [2]);
      await until('1.2.71', null);
    });

  test('inside a dataset, or between command and dataset, lose that instance too', async () => {
    const [inside, between, begun] = [await open(), await open(), await open()];
    await storeAll(begun, '1.2.83', [1]);
    const unknown = pData(pdv(1, 'command', true, storeCommand(uidOf('1.2.83', 2))));
    begun.send(unknown.subarray(0, unknown.length - 20));
    await storeAll(inside, '1.2.81', [1]);
    const head = ct('1.2.81', 2).subarray(0, 200);
    inside.send(pData(pdv(1, 'command', true, storeCommand(uidOf('1.2.81', 2)))), pData(pdv(1, 'data', false, head)));
    await storeAll(between, '1.2.82', [1]);
    between.send(pData(pdv(1, 'command', true, storeCommand(uidOf('1.2.82', 2)))));
    await new Promise((resolve) => setTimeout(resolve, 100));
    inside.socket.resetAndDestroy();
    between.send(abortRequest());
    begun.socket.resetAndDestroy();
    await until('1.2.81', { missingInstances: 1, brokenOffSeries: 1 });
    await until('1.2.82', { missingInstances: 1, brokenOffSeries: 1 });
    await until('1.2.83', { missingInstances: 1, brokenOffSeries: 1 });
    expect(await incidents('INSTANCE_BROKEN_OFF', 3)).toEqual([
      { study: '1.2.81', sop: '1.2.81.1.2', caller: 'RAWPEER' },
      { study: null, sop: '1.2.82.1.2', caller: 'RAWPEER' },
      { study: null, sop: null, caller: 'RAWPEER' },
    ]);
    for (const study of ['1.2.81', '1.2.82', '1.2.83']) {
      await sendReleased(study, [2]);
      await until(study, null);
    }
  });

  test('are not made good by an association that was open beside them', async () => {
    const [one, other] = [await open(), await open()];
    await storeAll(one, '1.2.91', [1]);
    await storeAll(other, '1.2.91', [2]);
    one.send(abortRequest());
    await one.closed();
    await storeAll(other, '1.2.91', [3]);
    await release(other);
    await until('1.2.91', { missingInstances: 0, brokenOffSeries: 1 });
  });

  test('of a dose report leave no series incomplete', async () => {
    await sendReleased('1.2.95', [1]);
    const peer = await open();
    const report = plainCt({ study: '1.2.95', series: '1.2.95.9', instance: '1.2.95.9.1', sopClass: DOSE_SR });
    peer.send(storeRequest('1.2.95.9.1', report, { contextId: 3, sopClassUid: DOSE_SR }));
    expect(statusIn(await peer.response())).toBe(0);
    peer.send(abortRequest());
    await peer.closed();
    await expectWhole('1.2.95');
  });
});

test('what is lost while the database is away is remembered', async () => {
  await sendReleased('1.2.101', [1]);
  await until('1.2.101', null);
  await postgres.kill();
  const peer = await open();
  await storeAll(peer, '1.2.101', [2]);
  expect(await store(peer, '1.2.101', 3, ct('1.2.101', 3), '1.2.101.1.9')).toBe(0xa900);
  peer.send(abortRequest());
  await peer.closed();
  await postgres.restart();
  await until('1.2.101', { missingInstances: 1, brokenOffSeries: 1 });
  await sendReleased('1.2.101', [3]);
  await until('1.2.101', null);
});

test('a receiver that is killed, the database being away, tells the next one which transfers were released and which broke off', async () => {
  const killedPort = await freePort();
  const settings = {
    ICHOR_DATA_DIR: folder.path,
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DICOM_PORT: String(killedPort),
    ICHOR_DISK_FLOOR_BYTES: '0',
  };
  const killed = startIchor(['receiver'], settings);
  port = killedPort;
  await eventually('the port', async () => (await open().catch(() => null))?.socket.destroy() !== undefined);
  await postgres.kill();
  await sendReleased('1.2.111', [1, 2]);
  const peer = await open();
  await storeAll(peer, '1.2.112', [1, 2]);
  await killed.stop('SIGKILL');
  await postgres.restart();
  port = await startReceiver();
  await until('1.2.112', { missingInstances: 0, brokenOffSeries: 1 });
  await expectWhole('1.2.111');
  await sendReleased('1.2.112', [2]);
  await until('1.2.112', null);
  await eventually('no journal', async () => (await readdir(join(folder.path, 'spool', '.transfers'))).length === 0);
});
