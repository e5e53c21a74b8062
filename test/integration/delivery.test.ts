/** Deliveries to destinations that behave as destinations do, on real sockets: pynetdicom, dcmtk, and a peer made of bytes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { part10Header } from '@ichor/dicom/part10';
import { loadConfig } from '@ichor/settings/config';
import { enqueueDue } from '@ichor/store/outbox/redeliver';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { openQueues, type Queues } from '@ichor/store/queue/queues';
import { openIncidents } from '@ichor/store/rows/incident';
import { recordUnanswered } from '@ichor/worker/delivery/commitment';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE } from '../support/hospital.ts';
import { eventually, freePort, type IchorProcess, runIchor, startIchor } from '../support/ichor.ts';
import { type Pacs, type PacsOptions, startPacs } from '../support/pacs.ts';
import { requirePeer } from '../support/peers.ts';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { requirePython } from '../support/python.ts';
import { writerFor } from '../support/rawDataset.ts';
import { pdu } from '../support/rawPeer.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';
import { addResult, addStudy } from '../support/worklistRows.ts';

/** One destination of its own for each test, so that none waits for another. */
const NAMES = [
  'BUSY',
  'REFUSE0122',
  'REFUSEA900',
  'REFUSEC000',
  'ABORTS',
  'CHOOSY',
  'ABSENT',
  'HANGS',
  'WARNS',
  'KNOWS',
  'STUCK',
  'GOOD',
  'EXPIRES',
  'COMMITS',
  'PARTIAL',
  'MUTE',
  'GIVESUP',
  'DCMTKREFUSES',
  'DCMTKABORTS',
  'NOTOUS',
  'TOOBUSY',
  'GARBAGE',
  'DEAF',
  'IMPLICIT',
  'CONFUSED',
  'SAME',
  'SAMEFAILS',
  'REFUSES',
  'NEVER',
  'FORGETS',
] as const;
type Name = (typeof NAMES)[number];
type Row = {
  readonly kind: 'SR' | 'SC';
  readonly uid: string;
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
};

let folder: WorkFolder;
let postgres: TestPostgres;
let database: Database;
let queues: Queues;
let ichor: IchorProcess;
let dicomPort: number;
let settings: Record<string, string>;
const ports = new Map<Name, number>();
const portOf = (name: Name): number => ports.get(name)!;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await openWorkFolder('delivery');
  postgres = await startPostgres();
  for (const name of NAMES) ports.set(name, await freePort());
  dicomPort = await freePort();
  settings = {
    ICHOR_DATA_DIR: folder.path,
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_DISK_FLOOR_BYTES: '0',
    ICHOR_WORKER_QUEUES: 'delivery',
    ICHOR_DELIVERY_BACKOFF_MS: '200',
    ICHOR_DELIVERY_TIMEOUT_MS: '3000',
    ICHOR_DESTINATIONS: NAMES.map((name) => `${name}@127.0.0.1:${portOf(name)}`).join(),
  };
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: folder.path }, silentLog);
  queues = await openQueues({ queueUrl: null }, database, silentLog);
  ichor = startIchor(['receiver', 'worker'], settings);
  await eventually('receiver and worker', async () => ichor.output().split('role.started').length > 2).catch(
    (error) => {
      throw new Error(`${error.message}
${ichor.output()}`);
    },
  );
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(async () => {
  await ichor?.stop();
  await queues?.close();
  await database?.close();
  await postgres?.stop();
  await folder?.remove();
});

describe('a destination that answers', () => {
  test('0xA700 (out of resources) gets the same instances again after a pause, until it takes them', async () => {
    const pacs = await pacsAt('BUSY', { answers: [0xa700, 0xa700, 0xa702, 0] });
    const result = await owe(['BUSY']);
    const [report, heatmap] = await untilSettled(result);
    expect([report!.state, report!.attempts, heatmap!.state, heatmap!.attempts]).toEqual(['stored', 3, 'stored', 2]);
    expect(stored(pacs)).toEqual([report!.uid, heatmap!.uid, report!.uid, heatmap!.uid, report!.uid]);
  });

  test.each([
    ['REFUSE0122', 0x0122, '0122'],
    ['REFUSEA900', 0xa900, 'A900'],
    ['REFUSEC000', 0xc000, 'C000'],
  ] as const)(
    '%s: the status is final, told with its reason, and the next instance is stored all the same',
    async (name, status, text) => {
      const pacs = await pacsAt(name, { answers: [status, 0] });
      const [report, heatmap] = await untilSettled(await owe([name]));
      expect([report!.state, report!.attempts, heatmap!.state]).toEqual(['dead', 1, 'stored']);
      expect(report!.error).toContain(`refused ${report!.uid} with status 0x${text}`);
      expect(await incidentsOf(report!.uid)).toEqual(['STORE_REFUSED']);
      expect(stored(pacs)).toHaveLength(2);
    },
  );

  test.each([
    ['WARNS', [0xb000, 0xb007]],
    ['KNOWS', [0x0111]],
  ] as const)('%s: warnings, and that it has the instance already, count as stored', async (name, answers) => {
    await pacsAt(name, { answers });
    const rows = await untilSettled(await owe([name]));
    expect(rows.map(({ state, attempts, error }) => [state, attempts, error])).toEqual([
      ['stored', 1, null],
      ['stored', 1, null],
    ]);
  });
});

test('a destination that takes Implicit VR only gets every value as it stands in the report', async () => {
  const keepIn = join(folder.path, 'implicit');
  await mkdir(keepIn);
  const pacs = await pacsAt('IMPLICIT', { implicitOnly: true, keepIn });
  const rows = await untilSettled(await owe(['IMPLICIT']));
  expect(rows.map(({ state, error }) => [state, error])).toEqual([
    ['stored', null],
    ['stored', null],
  ]);
  for (const uid of stored(pacs)) {
    const [got, own] = [
      join(keepIn, `${uid}.dcm`),
      join(folder.path, 'objects', uid.replace(/\.\d$/, ''), `${uid}.dcm`),
    ];
    const { stdout } = spawnSync(requirePython(), ['-c', COMPARE, got, own], { encoding: 'utf8' });
    expect(stdout.trim()).toBe('1.2.840.10008.1.2 1.2.840.10008.1.2.1 True');
  }
});

/** Transfer syntaxes of two files, and whether their datasets are equal to pydicom, element for element. */
const COMPARE = `
import sys, pydicom
one, other = pydicom.dcmread(sys.argv[1]), pydicom.dcmread(sys.argv[2])
print(one.file_meta.TransferSyntaxUID, other.file_meta.TransferSyntaxUID, one.to_json() == other.to_json() and len(one) == len(other) > 5)
`;

test('a Success that names another instance does not count; the instance is sent again', async () => {
  const pacs = await pacsAt('CONFUSED', { answersForAnother: true });
  const [report, heatmap] = await untilSettled(await owe(['CONFUSED']));
  expect([report!.state, report!.attempts, heatmap!.state, heatmap!.attempts]).toEqual(['stored', 2, 'stored', 1]);
  expect(stored(pacs)).toEqual([report!.uid, heatmap!.uid, report!.uid]);
});

describe('a destination that does not', () => {
  test('aborts in the middle: what it took stays stored, the rest goes out again', async () => {
    const pacs = await pacsAt('ABORTS', { answers: [0, 'abort', 0] });
    const [report, heatmap] = await untilSettled(await owe(['ABORTS']));
    expect([report!.state, report!.attempts, heatmap!.state, heatmap!.attempts]).toEqual(['stored', 1, 'stored', 2]);
    expect(pacs.events.filter(({ event }) => event !== 'associated').map(({ event, uid }) => [event, uid])).toEqual([
      ['stored', report!.uid],
      ['aborted', heatmap!.uid],
      ['stored', heatmap!.uid],
    ]);
  });

  test('accept Secondary Capture gets the report, and the heat map is dead with what to do about it', async () => {
    await pacsAt('CHOOSY', { classes: [COMPREHENSIVE_3D_SR] });
    const [report, heatmap] = await untilSettled(await owe(['CHOOSY']));
    expect([report!.state, heatmap!.state, heatmap!.attempts]).toEqual(['stored', 'dead', 1]);
    expect(heatmap!.error).toMatch(
      /CHOOSY accepts no SOP Class 1\.2\.840\.10008\.5\.1\.4\.1\.1\.7 .*Enable that SOP Class/,
    );
  });

  test('accept any of them leaves both dead, and the queue goes on', async () => {
    const pacs = await pacsAt('CHOOSY', { classes: ['1.2.840.10008.5.1.4.1.1.4'] });
    const rows = await untilSettled(await owe(['CHOOSY']));
    expect(rows.map(({ state }) => state)).toEqual(['dead', 'dead']);
    await pacs.stop();
    await pacsAt('CHOOSY');
    expect((await untilSettled(await owe(['CHOOSY']))).map(({ state }) => state)).toEqual(['stored', 'stored']);
  });

  test('listen yet is tried until it does', async () => {
    const result = await owe(['ABSENT']);
    await eventually('two attempts', async () => (await rowsOf(result)).every(({ attempts }) => attempts >= 2));
    expect((await rowsOf(result))[0]).toMatchObject({
      state: 'pending',
      error: expect.stringContaining('cannot be reached'),
    });
    const pacs = await pacsAt('ABSENT');
    const rows = await untilSettled(result);
    expect(rows.map(({ state }) => state)).toEqual(['stored', 'stored']);
    expect(stored(pacs)).toEqual(rows.map(({ uid }) => uid));
  });

  test('answer at all is hung up on, and gets the instances when it is well again', async () => {
    const sick = await pacsAt('HANGS', { answers: ['hang'] });
    const result = await owe(['HANGS']);
    await eventually('the deadline', async () => (await rowsOf(result))[0]!.error !== null);
    expect(sick.events.map(({ event }) => event).slice(0, 2)).toEqual(['associated', 'hanging']);
    expect((await rowsOf(result))[0]!.error).toContain('broke off');
    await sick.stop();
    await pacsAt('HANGS');
    expect((await untilSettled(result)).map(({ state }) => state)).toEqual(['stored', 'stored']);
  });

  test('come back within the time to live gets no more, and `ichor redeliver` gives it the same instances later', async () => {
    const result = await owe(['EXPIRES'], async (resultId) => {
      await database.pool.query("UPDATE delivery SET pending_since = now() - interval '2 days' WHERE result_id = $1", [
        resultId,
      ]);
    });
    const dead = await untilSettled(result);
    expect(dead.map(({ state }) => state)).toEqual(['dead', 'dead']);
    expect(dead[0]!.error).toMatch(
      /EXPIRES did not take .* within 86400000 ms: .*cannot be reached.* `ichor redeliver`/,
    );
    const pacs = await pacsAt('EXPIRES');
    const again = await runIchor(['redeliver', '--destination', 'EXPIRES'], settings);
    expect([again.code, again.stdout.trim()]).toEqual([0, '2 deliveries are due again.']);
    const rows = await untilSettled(result);
    expect(rows.map(({ state, uid }) => [state, uid])).toEqual(dead.map(({ uid }) => ['stored', uid]));
    expect(stored(pacs)).toEqual(dead.map(({ uid }) => uid));
    expect((await runIchor(['redeliver', '--all-dead', '--destination', 'EXPIRES'], settings)).stdout.trim()).toBe(
      '0 deliveries are due again.',
    );
  });
});

test('neither a destination that hangs nor one that is away delays another one', async () => {
  const stuck = await pacsAt('STUCK', { answers: ['hang'] });
  const first = await owe(['STUCK', 'ABSENT']);
  await eventually('the hanging', async () => stuck.events.some(({ event }) => event === 'hanging'));
  const good = await pacsAt('GOOD');
  const second = await owe(['STUCK', 'ABSENT', 'GOOD']);
  await eventually('GOOD', async () => (await rowsOf(second, 'GOOD')).every(({ state }) => state === 'stored'));
  expect(stored(good)).toHaveLength(2);
  const others = [...(await rowsOf(first)), ...(await rowsOf(second, 'STUCK')), ...(await rowsOf(second, 'ABSENT'))];
  expect(new Set(others.map(({ state }) => state))).toEqual(new Set(['pending']));
  await stuck.stop();
  await pacsAt('STUCK');
  await pacsAt('ABSENT');
  expect((await untilSettled(first)).map(({ state }) => state)).toEqual(Array(4).fill('stored'));
  expect((await untilSettled(second)).map(({ state }) => state)).toEqual(Array(6).fill('stored'));
});

test('a destination that was taken out of the configuration leaves its deliveries dead, not waiting for ever', async () => {
  const rows = await untilSettled(await owe(['REMOVED']));
  expect(rows.map(({ state }) => state)).toEqual(['dead', 'dead']);
  expect(rows[0]!.error).toContain('not among ICHOR_DESTINATIONS any more');
});

describe("dcmtk's storescp", () => {
  test('that refuses the association for good leaves the deliveries dead with its reason', async () => {
    await storescp('DCMTKREFUSES', '--refuse');
    const rows = await untilSettled(await owe(['DCMTKREFUSES']));
    expect(rows.map(({ state, attempts }) => [state, attempts])).toEqual([
      ['dead', 1],
      ['dead', 1],
    ]);
    expect(rows[0]!.error).toContain('rejected the association: no reason given');
  });

  test.each(['--abort-during', '--abort-after'])('with %s is tried again', async (option) => {
    const sick = await storescp('DCMTKABORTS', option);
    const result = await owe(['DCMTKABORTS']);
    await eventually('an attempt', async () => (await rowsOf(result))[0]!.error !== null);
    expect((await rowsOf(result))[0]!.error).toMatch(/aborted by the peer|ECONNRESET/);
    await sick();
    await storescp('DCMTKABORTS');
    expect((await untilSettled(result)).map(({ state }) => state)).toEqual(['stored', 'stored']);
  });
});

describe('a peer made of bytes', () => {
  test.each([
    ['NOTOUS', 'rejects the called AE title for good', [0, 1, 1, 7], 'dead', 'called AE title not recognized'],
    ['TOOBUSY', 'is congested for now', [0, 2, 3, 1], 'pending', 'temporary congestion'],
  ] as const)('%s: %s', async (name, _what, reason, state, text) => {
    await rawPeer(name, (socket) => socket.once('data', () => socket.end(pdu(3, Buffer.from(reason)))));
    const result = await owe([name]);
    await eventually('an attempt', async () => (await rowsOf(result))[0]!.error !== null);
    expect((await rowsOf(result))[0]).toMatchObject({ state, error: expect.stringContaining(text) });
  });

  test.each([
    [
      'GARBAGE',
      'speaks no DICOM',
      (socket: Socket) => socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    ['DEAF', 'says nothing', () => undefined],
  ] as const)('%s: that %s is given up for now, and tried again', async (name, _what, behave) => {
    await rawPeer(name, behave);
    const result = await owe([name]);
    await eventually('two attempts', async () => (await rowsOf(result))[0]!.attempts > 1);
    expect((await rowsOf(result))[0]!.state).toBe('pending');
  });
});

describe('storage commitment', () => {
  test('confirmed makes the deliveries committed', async () => {
    const pacs = await pacsAt('COMMITS', { commitment: { reportPort: dicomPort, fail: 0 } });
    const result = await owe(['COMMITS']);
    await eventually('the commitment', async () => (await rowsOf(result)).every(({ state }) => state === 'committed'));
    await eventually('the answer', async () => pacs.events.some(({ event }) => event === 'reported'));
    expect(pacs.events.map(({ event }) => event)).toEqual([
      'associated',
      'stored',
      'stored',
      'associated',
      'commitment',
      'reported',
    ]);
  });

  test('that fails for one instance sends that one again, and no other', async () => {
    const pacs = await pacsAt('PARTIAL', { commitment: { reportPort: dicomPort, fail: 1 } });
    const result = await owe(['PARTIAL']);
    await eventually('the report', async () => pacs.events.some(({ event }) => event === 'reported'));
    const failed = (await rowsOf(result)).filter(({ state }) => state === 'pending');
    expect(failed.map(({ kind, error }) => [kind, error])).toEqual([['SR', expect.stringContaining('did not commit')]]);
    expect(await incidentsOf(failed[0]!.uid)).toEqual(['COMMITMENT_FAILED']);
    await database.pool.query('UPDATE delivery SET next_attempt_at = now() WHERE result_id = $1', [result]);
    await enqueueDue(database, queues);
    await eventually('the commitment', async () => (await rowsOf(result)).every(({ state }) => state === 'committed'));
    expect(stored(pacs).filter((uid) => uid === failed[0]!.uid)).toHaveLength(2);
    expect(stored(pacs)).toHaveLength(3);
  });

  test('that fails again after the time to live is not repeated for ever', async () => {
    const pacs = await pacsAt('GIVESUP', { commitment: { reportPort: dicomPort, fail: 2 } });
    const result = await owe(['GIVESUP'], async (resultId) => {
      await database.pool.query("UPDATE delivery SET pending_since = now() - interval '2 days' WHERE result_id = $1", [
        resultId,
      ]);
    });
    await eventually('the report', async () => pacs.events.some(({ event }) => event === 'reported'));
    const rows = await untilSettled(result);
    expect(rows.map(({ state }) => state)).toEqual(['dead', 'dead']);
    expect(rows[0]!.error).toContain('did not commit');
  });

  test('that is never answered leaves the deliveries stored', async () => {
    const pacs = await pacsAt('MUTE', { commitment: 'silent' });
    const result = await owe(['MUTE']);
    await eventually('the request', async () => pacs.events.some(({ event }) => event === 'commitment'));
    expect((await untilSettled(result)).map(({ state }) => state)).toEqual(['stored', 'stored']);
  });

  test('reported on the association of the request is recorded, answered, and ends with a release', async () => {
    const pacs = await pacsAt('SAME', { commitment: { sameAssociation: true, fail: 0 } });
    const result = await owe(['SAME']);
    await eventually('the commitment', async () => (await rowsOf(result)).every(({ state }) => state === 'committed'));
    await eventually('the end', async () => pacs.events.filter(({ event }) => event === 'released').length === 2);
    expect(pacs.events.slice(-4)).toEqual([
      { event: 'associated' },
      { event: 'commitment' },
      { event: 'reported', uid: '0000' },
      { event: 'released' },
    ]);
  });

  test('reported there as failed for one instance sends that one again', async () => {
    const pacs = await pacsAt('SAMEFAILS', { commitment: { sameAssociation: true, fail: 1 } });
    const result = await owe(['SAMEFAILS']);
    await eventually('the report', async () => pacs.events.some(({ event }) => event === 'reported'));
    expect((await rowsOf(result)).map(({ kind, state }) => [kind, state])).toEqual([
      ['SR', 'pending'],
      ['SC', 'committed'],
    ]);
  });

  test('refused is told, asked for again, and then confirmed', async () => {
    const pacs = await pacsAt('REFUSES', { commitment: { refuse: 2, status: 0x0110, sameAssociation: true, fail: 0 } });
    const result = await owe(['REFUSES']);
    const messages = await eventually('an incident', async () => messagesOf('COMMITMENT_REFUSED', 'REFUSES'));
    expect(messages[0]).toContain('REFUSES refused to be asked for storage commitment (status 0x0110)');
    await eventually('the commitment', async () => (await rowsOf(result)).every(({ state }) => state === 'committed'));
    expect(pacs.events.filter(({ event }) => event === 'commitment')).toHaveLength(3);
    expect(stored(pacs)).toHaveLength(2);
    expect((await rowsOf(result)).map(({ error }) => error)).toEqual([null, null]);
  });

  test('refused beyond the time to live is not asked for again; the objects stay stored, with the reason', async () => {
    const pacs = await pacsAt('NEVER', { commitment: { refuse: 99, status: 0x0124 } });
    const result = await owe(['NEVER']);
    await eventually('a request', async () => pacs.events.some(({ event }) => event === 'commitment'));
    await database.pool.query("UPDATE delivery SET stored_at = now() - interval '2 days' WHERE result_id = $1", [
      result,
    ]);
    const ended = await eventually('the end', async () => {
      const { rows } = await database.pool.query(
        'SELECT state, error FROM delivery WHERE result_id = $1 AND commitment_due_at IS NULL',
        [result],
      );
      return rows.length === 2 ? rows : null;
    });
    expect(ended[0]).toMatchObject({ state: 'stored', error: expect.stringContaining('0x0124') });
  });

  test('promised and never reported is told once; the objects stay stored', async () => {
    await pacsAt('FORGETS', { commitment: 'silent' });
    const result = await owe(['FORGETS']);
    const promised =
      "UPDATE delivery SET commitment_asked_at = now() - interval '2 days' WHERE result_id = $1 AND commitment_asked_at IS NOT NULL";
    await eventually('the promise', async () => (await database.pool.query(promised, [result])).rowCount === 2);
    const incidents = openIncidents(database, silentLog);
    const context = { config: loadConfig(settings), database, incidents, log: silentLog };
    await recordUnanswered(context);
    await recordUnanswered(context);
    await incidents.close();
    // The worker looks every 15 s: where it was quicker, it writes them.
    const messages = await eventually('both incidents', async () => {
      const found = await messagesOf('COMMITMENT_UNANSWERED', 'FORGETS');
      return found !== null && found.length >= 2 && found;
    });
    expect(messages).toHaveLength(2);
    expect((await rowsOf(result)).map(({ state, error }) => [state, error])).toEqual(
      Array(2).fill(['stored', expect.stringContaining('did not report')]),
    );
  });
});

/** Null while there is none. */
async function messagesOf(code: string, destination: string): Promise<string[] | null> {
  const { rows } = await database.pool.query('SELECT message FROM incident WHERE code = $1 AND message LIKE $2', [
    code,
    `${destination} %`,
  ]);
  return rows.length > 0 ? rows.map(({ message }) => message) : null;
}

let studies = 0;
/** A flagged study that owes a report and a heat map to destinations, as the worker's transaction leaves it. @returns its result */
async function owe(
  destinations: readonly string[],
  before: (resultId: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const study = `1.2.826.0.1.3680043.99.${++studies}`;
  await addStudy(database, { uid: study, state: 'analysing' });
  const resultId = await addResult(database, study, 'flagged');
  await mkdir(join(folder.path, 'objects', study), { recursive: true });
  for (const [kind, sopClassUid, uid] of [
    ['SR', COMPREHENSIVE_3D_SR, `${study}.1`],
    ['SC', SECONDARY_CAPTURE, `${study}.2`],
  ] as const) {
    await writeFile(join(folder.path, 'objects', study, `${uid}.dcm`), instance(study, sopClassUid, uid));
    await database.pool.query(
      'INSERT INTO derived_object (sop_instance_uid, result_id, kind, series_instance_uid, sop_class_uid, object_path) VALUES ($1, $2, $3, $4, $5, $6)',
      [uid, resultId, kind, `${study}.9`, sopClassUid, `${study}/${uid}.dcm`],
    );
    for (const destination of destinations)
      await database.pool.query('INSERT INTO delivery (result_id, sop_instance_uid, destination) VALUES ($1, $2, $3)', [
        resultId,
        uid,
        destination,
      ]);
  }
  await before(resultId);
  await enqueueDue(database, queues);
  return resultId;
}

function instance(study: string, sopClassUid: string, sopInstanceUid: string): Buffer {
  const { element, item } = writerFor('explicit');
  return Buffer.concat([
    part10Header({ sopClassUid, sopInstanceUid, transferSyntaxUid: '1.2.840.10008.1.2.1', callingAeTitle: 'ICHOR' }),
    element(0x00080016, 'UI', sopClassUid),
    element(0x00080018, 'UI', sopInstanceUid),
    element(0x0020000d, 'UI', study),
    element(0x00080060, 'CS', 'SR'),
    element(0x00081115, 'SQ', item(element(0x00081199, 'SQ', item(element(0x00081155, 'UI', study))))),
    element(0x00100010, 'PN', 'Phantom^Head'),
    element(0x0020000d, 'UI', study),
    element(0x0020000e, 'UI', `${study}.9`),
    element(0x00280010, 'US', Buffer.from([2, 0])),
    element(0x00291010, 'UN', Buffer.from([1, 2, 3, 4])),
    element(0x7fe00010, 'OW', Buffer.alloc(70_000, 3)),
  ]);
}

/** In the order in which they are sent. */
async function rowsOf(resultId: number, destination: string | null = null): Promise<Row[]> {
  const { rows } = await database.pool.query(
    `SELECT o.kind, d.sop_instance_uid AS uid, d.state, d.attempts, d.error FROM delivery d JOIN derived_object o USING (sop_instance_uid)
      WHERE d.result_id = $1 AND ($2::text IS NULL OR d.destination = $2) ORDER BY o.kind DESC, d.delivery_id`,
    [resultId, destination],
  );
  return rows;
}

const untilSettled = (resultId: number): Promise<Row[]> =>
  eventually('the deliveries', async () => {
    const rows = await rowsOf(resultId);
    return rows.every(({ state }) => state !== 'pending') ? rows : null;
  });

async function incidentsOf(sopInstanceUid: string): Promise<string[]> {
  return eventually('an incident', async () => {
    const { rows } = await database.pool.query('SELECT code FROM incident WHERE sop_instance_uid = $1', [
      sopInstanceUid,
    ]);
    return rows.length > 0 ? rows.map(({ code }) => code as string) : null;
  });
}

const stored = ({ events }: Pacs): string[] => events.filter(({ event }) => event === 'stored').map(({ uid }) => uid!);

async function pacsAt(name: Name, options: Omit<PacsOptions, 'port'> = {}): Promise<Pacs> {
  const pacs = await startPacs({ port: portOf(name), ...options });
  closers.push(() => pacs.stop());
  return pacs;
}

/** @returns what ends it */
async function storescp(name: Name, ...options: readonly string[]): Promise<() => Promise<unknown>> {
  const child = spawn(requirePeer('storescp'), [...options, '--ignore', String(portOf(name))], { stdio: 'ignore' });
  const stop = async (): Promise<unknown> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    return ended;
  };
  closers.push(stop);
  await eventually('storescp', () => listening(portOf(name)));
  return stop;
}

function listening(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(null));
  });
}

async function rawPeer(name: Name, behave: (socket: Socket) => unknown): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    behave(socket);
  }).listen(portOf(name), '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}
