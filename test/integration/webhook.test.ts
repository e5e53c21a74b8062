/** Webhooks over real sockets, checked with the verifiers that docs/notifications.md gives to receivers. */

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readConfig } from '@ichor/settings/config';
import { listNotifications } from '@ichor/store/rows/notification';
import { StudyViewSchema } from '@ichor/worklist/studySchema';
import { afterEach, expect, test } from '@jest/globals';
import { eventually, freePort, ROOT } from '../support/ichor.ts';
import { addNotifiedResult, lanesFor, useNotifications } from '../support/notifications.ts';
import { runPython } from '../support/python.ts';
import { openWorkFolder } from '../support/workFolder.ts';

const SECRET = 'a secret of the site, long';
type Posted = { readonly eventId: string; readonly signature: string; readonly body: string };
/** Status and headers of the answer; null: none at all. */
type Answer = { readonly status: number; readonly headers?: Record<string, string> } | null;

let servers: Server[] = [];

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
}, 30_000);
/** Its hook comes last: what a notifier waits for is closed before it. */
const notifications = useNotifications();

async function endpoint(answer: (nth: number) => Answer) {
  const posted: Posted[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { 'ichor-event-id': eventId, 'ichor-signature': signature } = request.headers;
    posted.push({ eventId: String(eventId), signature: String(signature), body: Buffer.concat(parts).toString() });
    const given = answer(posted.length);
    if (given !== null) response.writeHead(given.status, given.headers).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { posted, url: `http://127.0.0.1:${(server.address() as { port: number }).port}/ichor` };
}

const settings = (...urls: string[]) => ({ ICHOR_WEBHOOKS: urls.join(','), ICHOR_WEBHOOK_SECRET: SECRET });

test('the body is the study of the API without the patient, and both verifiers of the docs accept the signature', async () => {
  const hook = await endpoint(() => ({ status: 204 }));
  await addNotifiedResult(notifications.database, lanesFor(settings(hook.url)), {
    uid: '1.2.1',
    state: 'flagged',
    patientName: 'Müller^Zoë',
  });
  await notifications.start(settings(hook.url));
  await notifications.untilStates({ delivered: 1 });
  const [{ body, signature, eventId }] = hook.posted as [Posted];
  const event = JSON.parse(body);
  expect(StudyViewSchema.parse(event.study)).toMatchObject({
    studyInstanceUid: '1.2.1',
    state: 'flagged',
    revision: 1,
  });
  expect(event).toMatchObject({ eventId, type: 'study.result' });
  expect(body).not.toMatch(/Müller|P-1/);
  const docs = await readFile(join(ROOT, 'docs', 'notifications.md'), 'utf8');
  const snippet = (language: string): string => docs.split(`\`\`\`${language}\n`)[1]!.split('```')[0]!;
  const folder = await openWorkFolder('verifier');
  try {
    const file = join(folder.path, 'verify.mjs');
    await writeFile(file, snippet('js'));
    const { verify } = await import(pathToFileURL(file).href);
    const wrong = `${body} `;
    expect([
      verify(SECRET, signature, body),
      verify(SECRET, signature, wrong),
      verify('other', signature, body),
    ]).toEqual([true, false, false]);
    const old = signature.replace(/t=\d+/, 't=1000000000');
    expect(verify(SECRET, old, body)).toBe(false);
    const calls = [
      [SECRET, signature, body],
      [SECRET, signature, wrong],
      ['other', signature, body],
      [SECRET, old, body],
    ];
    const script = `${snippet('python')}\nimport json, sys\nprint([verify(s, h, b.encode()) for s, h, b in json.loads(sys.argv[1])])`;
    expect((await runPython(script, [JSON.stringify(calls)])).trim()).toBe('[True, False, False, False]');
  } finally {
    await folder.remove();
  }
}, 60_000);

test('503, 429, 408 and a broken connection are tried again with the same event id', async () => {
  const statuses = [503, 429, 408];
  const hook = await endpoint((nth) => ({ status: statuses[nth - 1] ?? 200 }));
  await addNotifiedResult(notifications.database, lanesFor(settings(hook.url)), { uid: '1.2.1', state: 'clear' });
  await notifications.start(settings(hook.url));
  await notifications.untilStates({ delivered: 1 });
  expect(hook.posted).toHaveLength(4);
  expect(new Set(hook.posted.map(({ eventId }) => eventId)).size).toBe(1);
}, 60_000);

test.each([400, 404, 410, 302])(
  '%d is a dead letter at once, and no redirect is followed',
  async (status) => {
    const elsewhere = await endpoint(() => ({ status: 200 }));
    const hook = await endpoint(() => ({ status, headers: { Location: elsewhere.url } }));
    await addNotifiedResult(notifications.database, lanesFor(settings(hook.url)), { uid: '1.2.1', state: 'clear' });
    await notifications.start(settings(hook.url));
    await notifications.untilStates({ dead: 1 });
    expect((await listNotifications(notifications.database, { state: 'dead' }))[0]!.error).toContain(
      `it answered ${status}`,
    );
    expect([hook.posted.length, elsewhere.posted.length]).toEqual([1, 0]);
  },
  60_000,
);

test('Retry-After is honoured: the endpoint is left alone', async () => {
  const hook = await endpoint(() => ({ status: 429, headers: { 'Retry-After': '600' } }));
  const lanes = lanesFor(settings(hook.url));
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.1', state: 'clear' });
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.2', state: 'flagged' });
  await notifications.start(settings(hook.url));
  const paused = await eventually('the pause', async () => {
    const { rows } = await notifications.database.pool.query(
      'SELECT extract(epoch FROM paused_until - now()) AS seconds FROM notification_lane WHERE paused_until > now()',
    );
    return rows[0];
  });
  expect(Number(paused.seconds)).toBeGreaterThan(500);
  expect(hook.posted).toHaveLength(1);
}, 60_000);

test('an endpoint that is dead and one that never answers delay neither another endpoint nor themselves for ever', async () => {
  const hanging = await endpoint(() => null);
  const healthy = await endpoint(() => ({ status: 200 }));
  const env = settings(`http://127.0.0.1:${await freePort()}/`, hanging.url, healthy.url);
  for (const index of [0, 1, 2, 3, 4])
    await addNotifiedResult(notifications.database, lanesFor(env), { uid: `1.2.${index}`, state: 'clear' });
  await notifications.start({ ...env, ICHOR_NOTIFICATION_TIMEOUT_MS: '60000' });
  await eventually('the healthy one', async () => healthy.posted.length === 5, 20_000);
  expect(hanging.posted).toHaveLength(1);
}, 60_000);

test('settings that would not work are told at once', () => {
  const problems = (env: Record<string, string>) => readConfig(env).problems.join('\n');
  expect(problems({ ICHOR_WEBHOOKS: 'https://ris.example/x' })).toContain('ICHOR_WEBHOOK_SECRET');
  expect(problems(settings('http://ris.example/x'))).toContain('must be https://');
  expect(problems(settings('https://user:pw@ris.example/x'))).not.toContain('pw@');
  expect(problems({ ...settings('https://ris.example/x'), ICHOR_WEBHOOK_SECRET: 'short' })).toContain('at least 16');
  expect(problems({ ICHOR_HL7_DESTINATIONS: 'ris:0' })).toContain('port from 1 to 65535');
  expect(problems({ ICHOR_HL7_DESTINATIONS: 'ris:2575,ris:2575' })).toContain('twice');
  expect(problems({ ICHOR_MAIL_URL: 'smtp://mail' })).toContain('ICHOR_MAIL_FROM, ICHOR_MAIL_TO is missing');
  expect(problems({ ICHOR_WORKER_QUEUES: 'triage,mail' })).toContain('notification');
});
