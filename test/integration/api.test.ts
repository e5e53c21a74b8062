/** The HTTP API on a real PostgreSQL: order, schema, paging, errors, events, readiness. */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { loadConfig } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import type { StudyView } from '@ichor/shared/study';
import { HEMORRHAGE } from '@ichor/shared/target';
import { type Changes, watchChanges } from '@ichor/store/postgres/changes';
import type { Database } from '@ichor/store/postgres/database';
import { openDatabase } from '@ichor/store/postgres/database';
import { createLog } from '@ichor/telemetry/log';
import { type AppParts, buildApp } from '@ichor/worklist/app';
import { openEventStream } from '@ichor/worklist/eventStream';
import { jsonSchemas, StudyViewSchema } from '@ichor/worklist/studySchema';
import { startWorklistRole } from '@ichor/worklist/worklist';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { startCuttingProxy } from '../chaos/cuttingProxy.ts';
import { eventually } from '../support/ichor.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';
import {
  addDelivery,
  addIncident,
  addInstance,
  addResult,
  addStudy,
  emptyTables,
  FINDINGS,
} from '../support/worklistRows.ts';

const log = createLog(loadConfig({ ICHOR_LOG_LEVEL: 'silent' }), 'test');
const works = async (): Promise<void> => {};
const allWork = { database: works, queue: works, model: works, disk: works, spool: works };

let postgres: TestPostgres;
let folder: WorkFolder;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  folder = await openWorkFolder('api');
  database = await openDatabase(configWith({}), log);
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
  await folder?.remove();
});
beforeEach(() => emptyTables(database));

function configWith(env: Record<string, string>) {
  return {
    ...loadConfig({
      ICHOR_DATABASE_URL: postgres.url,
      ICHOR_DATA_DIR: folder.path,
      ICHOR_HTTP_PORT: '0',
      ICHOR_LOG_LEVEL: 'silent',
      ...env,
    }),
    signIn: false,
  };
}

/** The answer to one request, without a socket. */
async function get(path: string, parts: Partial<AppParts> = {}) {
  const app = buildApp({
    config: configWith({}),
    database,
    log,
    checks: allWork,
    events: openEventStream(),
    ...parts,
  });
  const answer = await app.inject(path);
  await app.close();
  return {
    status: answer.statusCode,
    body: answer.headers['content-type']?.includes('json') ? answer.json() : answer.body,
    headers: answer.headers,
  };
}
const studiesOf = async (path: string): Promise<StudyView[]> => (await get(path)).body.studies;
const uidsOf = async (path: string): Promise<string[]> =>
  (await studiesOf(path)).map((study) => study.studyInstanceUid);

describe('GET /api/studies', () => {
  test('puts flagged studies first, then those without analysis, then those under way, then clear ones', async () => {
    const states = ['clear', 'receiving', 'failed', 'queued', 'flagged', 'analysing', 'not-analysed'] as const;
    for (const [index, state] of states.entries())
      await addStudy(database, { uid: `1.2.${index}`, state, minutesAgo: 10 - index });
    const found = await studiesOf('/api/studies');
    expect(found.map((study) => study.state)).toEqual([
      'flagged',
      'failed',
      'not-analysed',
      'receiving',
      'queued',
      'analysing',
      'clear',
    ]);
  });

  test('orders equal states by priority, then by who has waited longest', async () => {
    await addStudy(database, { uid: '1.2.1', state: 'flagged', priority: 3, minutesAgo: 5 });
    await addStudy(database, { uid: '1.2.2', state: 'flagged', priority: 3, minutesAgo: 50 });
    await addStudy(database, { uid: '1.2.3', state: 'flagged', priority: 1, minutesAgo: 1 });
    expect(await uidsOf('/api/studies')).toEqual(['1.2.3', '1.2.2', '1.2.1']);
  });

  test('shows a study with result, key slices and deliveries exactly as the schema says', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'receiving', accessionNumber: 'A-17', patientName: 'Doe^Jane' });
    for (const sop of ['1.1', '1.2', '1.3']) await addInstance(database, '1.2.3', sop);
    const resultId = await addResult(database, '1.2.3', 'flagged');
    await addDelivery(database, resultId, {
      kind: 'SR',
      uid: '2.25.1',
      destination: 'HOSPPACS',
      state: 'stored',
      attempts: 1,
    });
    const answer = await get('/api/studies');
    const study = answer.body.studies[0];
    expect(StudyViewSchema.parse(study)).toEqual(study);
    expect(new Ajv2020({ validateFormats: false }).compile(jsonSchemas([HEMORRHAGE]).study)(study)).toBe(true);
    expect(study).toMatchObject({
      studyInstanceUid: '1.2.3',
      accessionNumber: 'A-17',
      state: 'flagged',
      receivedInstances: 3,
      findings: FINDINGS,
      keySlices: [{ sopInstanceUid: '1.2', finding: 'subdural', score: 0.98 }],
      model: { name: 'test-model', version: '1.0.0', sha256: 'ab' },
      deliveries: [
        { destination: 'HOSPPACS', object: 'SR', sopInstanceUid: '2.25.1', state: 'stored', attempts: 1, error: null },
      ],
    });
    expect(study.times.flagged).not.toBeNull();
    expect(study.times.decided).toBe(study.times.flagged);
  });

  test('the time of the decision of a study that is clear, and no time of a flag', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'analysing' });
    await addResult(database, '1.2.3', 'clear');
    const { times } = (await get('/api/studies/1.2.3')).body;
    expect([times.flagged, Number.isNaN(Date.parse(times.decided))]).toEqual([null, false]);
  });

  test('never shows a patient name or ID', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'flagged', patientName: 'Doe^Jane', patientId: 'PID-4711' });
    for (const path of ['/api/studies', '/api/studies/1.2.3', '/']) {
      const { body } = await get(path);
      expect(JSON.stringify(body)).not.toMatch(/Doe|PID-4711/);
    }
  });

  test('pages through every study once, whatever the page size', async () => {
    const states = ['flagged', 'clear', 'queued'] as const;
    for (let index = 0; index < 23; index++)
      await addStudy(database, {
        uid: `1.2.${index}`,
        state: states[index % 3]!,
        priority: 1 + (index % 2),
        minutesAgo: Math.floor(index / 4),
      });
    const whole = await uidsOf('/api/studies');
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await get(`/api/studies?limit=5${cursor && `&cursor=${cursor}`}`);
      paged.push(...body.studies.map((study: StudyView) => study.studyInstanceUid));
      cursor = body.next;
    }
    expect(paged).toEqual(whole);
    expect(new Set(paged).size).toBe(23);
  });

  test('filters by state, accession number and age', async () => {
    await addStudy(database, { uid: '1.2.1', state: 'flagged', accessionNumber: 'A', minutesAgo: 600 });
    await addStudy(database, { uid: '1.2.2', state: 'clear', accessionNumber: 'B' });
    await addStudy(database, { uid: '1.2.3', state: 'failed', accessionNumber: 'A' });
    expect(await uidsOf('/api/studies?state=clear')).toEqual(['1.2.2']);
    expect(await uidsOf('/api/studies?state=clear,failed')).toEqual(['1.2.3', '1.2.2']);
    expect(await uidsOf('/api/studies?state=clear&state=flagged')).toEqual(['1.2.1', '1.2.2']);
    expect(await uidsOf('/api/studies?accessionNumber=A')).toEqual(['1.2.1', '1.2.3']);
    expect(await uidsOf('/api/studies?withinHours=1')).toEqual(['1.2.3', '1.2.2']);
  });

  test.each([
    'limit=0',
    'limit=501',
    'limit=many',
    'limit=',
    'limit=1.5',
    'state=positive',
    'cursor=x',
    'cursor=WzEsMSwiJzsgRFJPUCIsIjEiXQ',
    'withinHours=-1',
    'unknown=1',
  ])('answers 400 with a reason to ?%s', async (query) => {
    const { status, body } = await get(`/api/studies?${query}`);
    expect([status, body.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(body.message).toContain(query.split('=')[0]);
  });
});

describe('other answers', () => {
  test('one study by its UID, and 404 with code and message for an unknown one', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'queued' });
    expect((await get('/api/studies/1.2.3')).body.state).toBe('queued');
    const { status, body } = await get('/api/studies/9.9.9');
    expect([status, body]).toEqual([404, { code: 'STUDY_UNKNOWN', message: 'Study 9.9.9 is not known here.' }]);
  });

  test('404 as JSON for a path that does not exist', async () => {
    const { status, body } = await get('/api/patients?name=Doe');
    expect([status, body.code]).toEqual([404, 'ROUTE_UNKNOWN']);
    expect(body.message).not.toContain('Doe');
  });

  test('incidents, the newest first, by study and page', async () => {
    for (const [code, uid] of [
      ['A', '1.2.1'],
      ['B', '1.2.2'],
      ['C', '1.2.1'],
    ] as const)
      await addIncident(database, code, uid);
    const incidents = (await get('/api/incidents')).body.incidents;
    expect(incidents.map((incident: { code: string }) => incident.code)).toEqual(['C', 'B', 'A']);
    const ofStudy = (await get(`/api/incidents?studyInstanceUid=1.2.1&before=${incidents[0].incidentId}`)).body
      .incidents;
    expect(ofStudy.map((incident: { code: string }) => incident.code)).toEqual(['A']);
  });

  test('a page that says what this is not for, and escapes what came over the network', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'flagged', accessionNumber: '<script>alert(1)</script>' });
    const { body, headers } = await get('/');
    expect(body).toContain('Not for diagnostic use');
    expect(body).toContain('href="/api/studies"');
    expect(body).not.toContain('<script>alert');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
  });

  test('metrics in the text format of Prometheus', async () => {
    const { status, body } = await get('/metrics');
    expect(status).toBe(200);
    expect(body).toMatch(/^# HELP ichor_/m);
  });

  test('503 with DATABASE_UNAVAILABLE while the database is away', async () => {
    const away = new IchorError('DATABASE_UNAVAILABLE', { reason: 'connection refused' });
    const unreachable: Database = { ...database, pool: { query: () => Promise.reject(away) } };
    const { status, body } = await get('/api/studies', { database: unreachable });
    expect((await get('/metrics', { database: unreachable })).status).toBe(200);
    expect([status, body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  });
});

describe('GET /readyz', () => {
  test('200 when every part works; /healthz answers in any case', async () => {
    expect((await get('/readyz')).body).toMatchObject({
      ready: true,
      parts: { database: { ok: true }, disk: { ok: true } },
    });
    expect((await get('/healthz')).status).toBe(200);
  });

  test.each(['database', 'queue', 'model', 'disk', 'spool'] as const)(
    '503 naming the problem when the %s does not work',
    async (part) => {
      const broken = () => Promise.reject(new IchorError('INTERNAL', { reason: `${part} is broken` }));
      const { status, body } = await get('/readyz', { checks: { ...allWork, [part]: broken } });
      expect(status).toBe(503);
      expect(body.parts[part]).toMatchObject({ ok: false, code: 'INTERNAL' });
      expect(body.parts[part].problem).toContain(`${part} is broken`);
      expect(Object.values(body.parts as Record<string, { ok: boolean }>).filter(({ ok }) => ok)).toHaveLength(4);
    },
  );

  test('a part that never answers counts as broken', async () => {
    const { status, body } = await get('/readyz', { checks: { ...allWork, queue: () => new Promise(() => {}) } });
    expect([status, body.parts.queue.code]).toEqual([503, 'QUEUE_UNAVAILABLE']);
  });

  test('the role itself names a missing model and a disk below its floor, and finds database and queue ready', async () => {
    const config = configWith({ ICHOR_MODEL: '/nonexistent', ICHOR_DISK_FLOOR_BYTES: String(2 ** 52) });
    const role = await startWorklistRole(config, log);
    try {
      const answer = await fetch(`http://127.0.0.1:${role.port}/readyz`);
      const { parts } = (await answer.json()) as { parts: Record<string, { ok: boolean; code?: string }> };
      expect(answer.status).toBe(503);
      expect([parts['database']?.ok, parts['queue']?.ok]).toEqual([true, true]);
      expect([parts['model']?.code, parts['disk']?.code]).toEqual(['BUNDLE_INVALID', 'DISK_BELOW_FLOOR']);
    } finally {
      await role.close();
    }
  });
});

describe('GET /api/events', () => {
  test('every client gets the study that changed, and the connection that listens comes back after a loss', async () => {
    await addStudy(database, { uid: '1.2.3', state: 'queued' });
    const role = await startWorklistRole(configWith({}), log);
    const streams = await Promise.all([1, 2, 3].map(() => openStream(role.port)));
    try {
      await addResult(database, '1.2.3', 'flagged');
      for (const stream of streams)
        expect(await stream.next('study')).toMatchObject({ studyInstanceUid: '1.2.3', state: 'flagged' });
      await database.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`);
      for (const stream of streams) expect(await stream.next('resync')).toEqual({});
      await addIncident(database, 'STORE_REFUSED', '1.2.3');
      for (const stream of streams) expect(await stream.next('incident')).toEqual({});
    } finally {
      for (const stream of streams) stream.close();
      await role.close();
    }
  });

  test('a second listener on the port is refused with the variable to change', async () => {
    const role = await startWorklistRole(configWith({}), log);
    const second = startWorklistRole(configWith({ ICHOR_HTTP_PORT: String(role.port) }), log);
    await expect(second).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('ICHOR_HTTP_PORT'),
    });
    await role.close();
  });
});

test('HEAD of the stream is answered with the head, and waits for nothing', async () => {
  const events = openEventStream();
  const server = createHttpServer((_request, response) => events.add(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' });
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(events.clients).toBe(0);
  events.close();
  server.close();
});

test('a client that does not read is cut off, and disturbs no other', async () => {
  const events = openEventStream();
  const server = createHttpServer((_request, response) => events.add(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const lazy = connect(port, '127.0.0.1').pause();
  lazy.on('error', () => {});
  lazy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const reader = await openStream(port);
  await eventually('both clients', async () => events.clients === 2);
  for (let count = 0; events.clients === 2 && count < 200; count++) {
    events.send('study', { filling: 'x'.repeat(100_000) });
    await reader.next('study');
  }
  expect(events.clients).toBe(1);
  events.send('incident', {});
  expect(await reader.next('incident')).toEqual({});
  reader.close();
  lazy.destroy();
  events.close();
  server.close();
});

/** A reader of server-sent events that hands them out one by one. */
async function openStream(port: number) {
  const abort = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/api/events`, { signal: abort.signal });
  const events = readEvents(answer.body!);
  const next = async (name: string): Promise<unknown> => {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error(`the stream ended before a ${name}`);
      if (value.event === name) return value.data;
    }
  };
  await next('ready');
  return { next, close: () => abort.abort() };
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: unknown }> {
  let text = '';
  for await (const chunk of body) {
    text += new TextDecoder().decode(chunk);
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      if (field('event')) yield { event: field('event')!, data: JSON.parse(field('data')!) };
    }
  }
}

test('changes are heard again after the way to the database fell silent', async () => {
  const way = await startCuttingProxy(Number(new URL(postgres.url).port));
  const url = new URL(postgres.url);
  url.port = String(way.port);
  const through = await openDatabase({ ...configWith({}), databaseUrl: url.href }, log);
  const [events, heard]: [string[], Changes[]] = [[], []];
  const changes = watchChanges(through, { event: (name) => events.push(name) }, (change) => heard.push(change), 100);
  try {
    await changes.started;
    way.silence();
    await eventually('the loss', async () => events.includes('worklist.changes-lost'));
    way.heal();
    await eventually('all of it again', async () => heard.some(({ resync }) => resync));
  } finally {
    await changes.close();
    await through.close();
    way.close();
  }
});

test('a request must arrive within a time', async () => {
  const parts = { config: configWith({}), database, log, checks: allWork, events: openEventStream() };
  const app = buildApp(parts);
  await app.ready();
  const { requestTimeout, headersTimeout } = app.server as Server;
  for (const timeoutMs of [requestTimeout, headersTimeout]) {
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(60_000);
  }
  await app.close();
});
