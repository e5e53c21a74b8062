/** Whatever somebody sends as a body, to whatever route: an answer that says whose fault it is, and never 5xx. */

import { loadConfig } from '@ichor/settings/config';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { createLog } from '@ichor/telemetry/log';
import { buildApp } from '@ichor/worklist/app';
import { openEventStream } from '@ichor/worklist/eventStream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { addResult, addStudy } from '../support/worklistRows.ts';

const log = createLog({ logLevel: 'silent' }, 'test');
const works = async (): Promise<void> => {};
const checks = { database: works, queue: works, model: works, disk: works, spool: works };

let postgres: TestPostgres;
let database: Database;
let app: ReturnType<typeof buildApp>;
beforeAll(async () => {
  postgres = await startPostgres();
  const config = loadConfig({ ICHOR_DATABASE_URL: postgres.url, ICHOR_PUBLIC_URL: 'https://ichor.example' });
  database = await openDatabase(config, log);
  await addStudy(database, { uid: '1.2.3', state: 'flagged' });
  await addResult(database, '1.2.3', 'flagged');
  app = buildApp({ config: { ...config, signIn: false }, database, log, checks, events: openEventStream() });
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await database?.close();
  await postgres?.stop();
});

const nested = (open: string, close: string): string => open.repeat(20_000) + close.repeat(20_000);
const BODIES = [
  ...['[]', '{}', '1', '"x"', 'null', 'true', '[1]', '', '{', '{"id":1e400}', '{"__proto__":{}}', '{"finding":[]}'],
  ...[nested('[', ']'), nested('{"a":', '}'), '{"id":{"id":{}},"kind":null}', '\u0000', '"\\u0000"'],
  ...['{"finding":"any","verdict":"agree","comment":"\\ud800\\u0000"}', '{"name":"\\u0000","password":[]}'],
];
/** What is sent: every body as JSON and as a form, some as what no route takes, some with other methods. */
const REQUESTS = [
  ...['application/json', 'application/x-www-form-urlencoded'].flatMap((type) =>
    BODIES.map((payload) => ({ method: 'POST', type, payload }) as const),
  ),
  ...['text/plain', 'application/xml', 'x', null].map((type) => ({ method: 'POST', type, payload: '[]' }) as const),
  ...(['PUT', 'PATCH', 'DELETE'] as const).map((method) => ({ method, type: 'application/json', payload: '[]' })),
];

/** Every path that fastify knows, with a study that exists: its tree of routes, line by line. */
function paths(): string[] {
  const parents: string[] = [];
  const found: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, before, own, methods] = /^(.*?── )(\S+)( \(.*)?$/.exec(line) ?? [];
    if (before === undefined) continue;
    const depth = before.length / 4 - 1;
    parents[depth] = (parents[depth - 1] ?? '') + own!;
    if (methods !== undefined) found.push(parents[depth]!);
  }
  return found.map((path) => path.replace(':uid', '1.2.3').replace(':name', '1.png'));
}

test('every route answers odd bodies with 2xx, 3xx or 4xx, and JSON that names the reason', async () => {
  const known = paths();
  expect(known).toEqual(expect.arrayContaining(['/sign-in', '/account/password', '/api/notifications/resend']));
  const wrong: string[] = [];
  for (const url of known)
    for (const { method, type, payload } of REQUESTS) {
      const headers = { host: '127.0.0.1', ...(type !== null && { 'content-type': type }) };
      const answer = await app.inject({ method, url, headers, payload });
      if (answer.statusCode >= 500)
        wrong.push(`${method} ${url} ${type} ${payload.slice(0, 40)}: ${answer.statusCode}`);
      if (answer.statusCode === 400 && answer.headers['content-type']?.includes('json'))
        expect(answer.json()).toEqual({ code: 'REQUEST_INVALID', message: expect.stringContaining('not valid') });
    }
  expect(wrong).toEqual([]);
});
