/** Sign-in with a password, sessions, roles and tokens, over HTTP on a real PostgreSQL. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { demoConfig } from '@ichor/cli/demo/demoConfig';
import { loadConfig, readConfig } from '@ichor/settings/config';
import { createLog } from '@ichor/telemetry/log';
import { buildApp } from '@ichor/worklist/app';
import { openEventStream } from '@ichor/worklist/eventStream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, freePort, ROOT, startIchor } from '../support/ichor.ts';
import { PASSWORD, type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
import { openWebClient } from '../support/webClient.ts';
import { addStudy, emptyTables } from '../support/worklistRows.ts';

let worklist: SignedInWorklist;
/** What is shown, and logged, while there is no user. */
let firstPage: string;
let firstLog: string;
beforeAll(async () => {
  worklist = await startSignedInWorklist();
  firstPage = (await openWebClient(worklist.url).open('/')).text;
  const other = startIchor(['worklist'], {
    ICHOR_DATABASE_URL: worklist.database.url,
    ICHOR_HTTP_PORT: String(await freePort()),
  });
  await eventually('its greeting', async () => other.output().includes('Ichor runs'));
  await other.stop();
  firstLog = other.output();
  await worklist.addUser('vera', 'viewer');
  await worklist.addUser('rada', 'radiologist');
  await worklist.addUser('adam', 'administrator');
});
afterAll(() => worklist?.stop());
beforeEach(async () => {
  await worklist.database.pool.query('TRUNCATE sign_in_attempt');
  await emptyTables(worklist.database);
  await addStudy(worklist.database, { uid: '1.2.3', state: 'flagged', patientName: 'Doe^Jane', patientId: 'PID-4711' });
});

const settings = (): Record<string, string> => ({
  ICHOR_DATABASE_URL: worklist.database.url,
  ICHOR_LOG_LEVEL: 'silent',
});
/** `ichor ARGS…` as on the machine of the worklist. @param input what is piped in */
async function ichor(args: readonly string[], input = ''): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'apps', 'cli', 'src', 'main.ts'), ...args], {
    env: { PATH: process.env['PATH'], ...settings() },
  });
  child.stdin.end(input);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}
const asMachine = (token: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(worklist.url + path, { ...init, headers: { authorization: `Bearer ${token}` } });

describe('a password', () => {
  test('that is right opens the page that was wanted; the cookie is kept from scripts and other sites', async () => {
    const client = openWebClient(worklist.url);
    const form = await client.open('/account');
    expect(form.url).toBe(`${worklist.url}/sign-in?to=%2Faccount`);
    expect(form.text).toContain('Not for diagnostic use');
    const answer = await fetch(`${worklist.url}/sign-in`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: worklist.url },
      body: new URLSearchParams({ name: 'Vera', password: PASSWORD, to: '/account' }),
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/account']);
    expect(answer.headers.getSetCookie()[0]).toMatch(
      /^ichor_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/,
    );
  });

  test('that is wrong, and a user who does not exist, get the same answer', async () => {
    const answers = await Promise.all(
      [
        ['vera', 'wrong'],
        ['nobody', 'wrong'],
        ['vera', ''],
      ].map(([name, password]) => openWebClient(worklist.url).submit('/sign-in', { name: name!, password: password! })),
    );
    for (const { status, text } of answers)
      expect([status, text]).toEqual([401, expect.stringContaining('The user name or the password is wrong.')]);
  });

  test('is told to wait after five failures, although it is right then; others sign in meanwhile', async () => {
    const client = openWebClient(worklist.url);
    for (let count = 0; count < 5; count++) await client.submit('/sign-in', { name: 'vera', password: 'wrong' });
    const locked = await client.submit('/sign-in', { name: 'vera', password: PASSWORD });
    expect([locked.status, locked.text]).toEqual([
      429,
      expect.stringMatching(/Too many failed attempts. Try again in \d+ seconds/),
    ]);
    await worklist.signIn('rada');
    await worklist.restart();
    expect((await client.submit('/sign-in', { name: 'vera', password: PASSWORD })).status).toBe(429);
    await worklist.database.pool.query(`UPDATE sign_in_attempt SET locked_until = now() - interval '1 second'`);
    await worklist.signIn('vera');
  });

  test('guessed many times at once is looked at five times only', async () => {
    const tries = Array.from({ length: 12 }, () =>
      openWebClient(worklist.url).submit('/sign-in', { name: 'vera', password: 'wrong' }),
    );
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(7);
  });

  test('is kept as argon2id only, and no cookie or token is kept as it is', async () => {
    const client = await worklist.signIn('vera');
    const { rows } = await worklist.database.pool.query(
      `SELECT (SELECT string_agg(account::text, ' ') FROM account) || (SELECT string_agg(session::text, ' ') FROM session) AS all`,
    );
    expect(rows[0].all).toContain('$argon2id$v=19$m=65536,t=3,p=1$');
    expect(rows[0].all).not.toContain(PASSWORD);
    expect(rows[0].all).not.toContain(client.cookies('/').get('ichor_session'));
  });
});

describe('a session', () => {
  test('gets a new id at each sign-in, and the former one is of no use', async () => {
    const client = await worklist.signIn('vera');
    const former = client.cookies('/').get('ichor_session')!;
    await client.submit('/sign-in', { name: 'vera', password: PASSWORD });
    expect(client.cookies('/').get('ichor_session')).not.toBe(former);
    const headers = { cookie: `ichor_session=${former}` };
    expect((await fetch(`${worklist.url}/api/studies`, { headers })).status).toBe(401);
  });

  test('ends with sign-out', async () => {
    const client = await worklist.signIn('vera');
    const cookie = `ichor_session=${client.cookies('/').get('ichor_session')}`;
    await client.submit('/sign-out', {});
    expect((await fetch(`${worklist.url}/api/studies`, { headers: { cookie } })).status).toBe(401);
  });

  test.each([
    ['nothing was done for an hour', `UPDATE session SET last_used_at = now() - interval '61 minutes'`],
    ['twelve hours have passed', `UPDATE session SET created_at = now() - interval '721 minutes'`],
    ['its user is disabled', 'UPDATE account SET disabled_at = now()'],
  ])('ends when %s, and the event stream with it', async (_when, statement) => {
    const client = await worklist.signIn('vera');
    const stream = await client.send('/api/events');
    const ended = stream.text();
    expect((await client.send('/api/studies')).status).toBe(200);
    try {
      await worklist.database.pool.query(statement);
      expect((await client.send('/api/studies')).status).toBe(401);
      expect(await ended).toContain('event: ready');
    } finally {
      await worklist.database.pool.query('UPDATE account SET disabled_at = NULL');
    }
  });

  test('ends everywhere else when the password is changed on the account page', async () => {
    await worklist.addUser('paula', 'viewer');
    const [here, elsewhere] = [await worklist.signIn('paula'), await worklist.signIn('paula')];
    const change = (current: string, next: string, again = next) =>
      here.submit('/account/password', { current, next, again });
    expect((await change('wrong', 'another long password')).text).toContain('The present password is wrong.');
    expect((await change(PASSWORD, 'short')).text).toContain('it must have at least 12 characters');
    expect((await change(PASSWORD, 'hello paula hello')).text).toContain('must not contain the user name');
    expect((await change(PASSWORD, 'another long password', 'yet another password')).text).toContain('typed the same');
    expect((await change(PASSWORD, 'another long password')).text).toContain('The password is changed');
    expect((await here.send('/api/studies')).status).toBe(200);
    expect((await elsewhere.send('/api/studies')).status).toBe(401);
  });
});

describe('a request from another site', () => {
  test.each(['/sign-out', '/account/password', '/sign-in'])('to %s is refused', async (path) => {
    const client = await worklist.signIn('vera');
    const page = await client.submit(path, { name: 'vera', password: PASSWORD }, 'https://evil.example/');
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('CROSS_SITE_REFUSED')]);
    const none = await client.send(path, { method: 'POST', body: new URLSearchParams({}) });
    expect(none.status).toBe(403);
    expect((await client.send('/api/studies')).status).toBe(200);
  });

  test('never decides where a person goes after sign-in', async () => {
    for (const to of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
      const client = openWebClient(worklist.url);
      const page = await client.submit('/sign-in', { name: 'vera', password: PASSWORD, to });
      expect(page.url).toBe(`${worklist.url}/`);
    }
  });
});

describe('a stranger', () => {
  const OPEN = ['/assets/icon.svg', '/favicon.ico', '/healthz', '/metrics', '/readyz', '/sign-in', '/sign-in.css'];

  test('gets 401 on every route there is, but for those that are open on purpose', async () => {
    const routes = await everyRoute();
    expect(routes).toContainEqual(['GET', '/api/studies/:uid']);
    const open: string[] = [];
    for (const [method, path] of routes) {
      const answer = await fetch(worklist.url + path.replace(/:\w+|\*/g, '1.2.3'), { method });
      const text = await answer.text();
      expect(text).not.toMatch(/Doe|PID-4711/);
      const closed = answer.status === 401 && (text === '' || text.includes('SIGN_IN_REQUIRED'));
      if (!closed) open.push(path);
    }
    expect([...new Set(open)].sort()).toEqual(OPEN);
  });

  test('is sent to sign-in by every page, learns nothing of what exists, and cannot open the event stream', async () => {
    const client = openWebClient(worklist.url);
    for (const path of ['/', '/audit', '/account', '/studies/1.2.3', '/no/such/page'])
      expect((await client.open(path)).url).toBe(`${worklist.url}/sign-in?to=${encodeURIComponent(path)}`);
    expect((await client.send('/no/such/page')).status).toBe(401);
    expect((await client.send('/api/events')).status).toBe(401);
  });

  test('gains nothing with a made-up cookie or token', async () => {
    const made = 'A'.repeat(43);
    expect((await fetch(`${worklist.url}/api/studies`, { headers: { cookie: `ichor_session=${made}` } })).status).toBe(
      401,
    );
    expect((await asMachine(`ichor_${made}`, '/api/studies')).status).toBe(401);
  });

  /** Every method and path that the worklist answers, as the framework registers them. */
  async function everyRoute(): Promise<[string, string][]> {
    const works = async (): Promise<void> => {};
    const app = buildApp({
      config: loadConfig(settings()),
      database: worklist.database,
      log: createLog({ logLevel: 'silent' }, 'test'),
      checks: { database: works, queue: works, model: works, disk: works, spool: works },
      events: openEventStream(),
    });
    await app.ready();
    const lines = app.printRoutes({ commonPrefix: false }).split('\n');
    await app.close();
    const parents: string[] = [];
    return lines.flatMap((line) => {
      const [, indent, path, methods] = /^([\s│]*)[├└]── (\S*) ?(?:\(([^)]*)\))?/.exec(line) ?? [];
      if (path === undefined) return [];
      const depth = indent!.length / 4;
      parents.length = depth;
      parents.push(path);
      return (methods ?? '')
        .split(', ')
        .filter(Boolean)
        .map((method): [string, string] => [method, parents.join('')]);
    });
  }
});

describe('roles', () => {
  test('a viewer, a radiologist and an administrator see studies with the patient', async () => {
    for (const name of ['vera', 'rada', 'adam']) {
      const client = await worklist.signIn(name);
      const { studies } = (await (await client.send('/api/studies')).json()) as { studies: { patient: unknown }[] };
      expect(studies[0]!.patient).toEqual({ name: 'Doe^Jane', id: 'PID-4711' });
      expect(await (await client.send('/api/studies/1.2.3')).json()).toMatchObject({ patient: { id: 'PID-4711' } });
    }
  });

  test('only an administrator reads the audit trail', async () => {
    for (const [name, status] of [
      ['vera', 403],
      ['rada', 403],
      ['adam', 200],
    ] as const)
      expect((await (await worklist.signIn(name)).open('/audit')).status).toBe(status);
  });

  test('a person whose role is taken away has lost it with the next request', async () => {
    await worklist.addUser('tess', 'administrator');
    const client = await worklist.signIn('tess');
    expect((await ichor(['user', 'role', 'tess', 'viewer'])).code).toBe(0);
    expect((await client.send('/audit')).status).toBe(401);
    expect((await (await worklist.signIn('tess')).open('/audit')).status).toBe(403);
  });
});

describe('ichor user and ichor token', () => {
  test('the first administrator is made on the command line, with the password from a pipe', async () => {
    for (const shown of [firstPage, firstLog]) expect(shown).toContain('ichor user add NAME --role administrator');
    expect(firstPage).toContain('docker compose exec worklist ichor');
    const added = await ichor(['user', 'add', 'First.Admin', '--role', 'administrator'], `${PASSWORD}\n`);
    expect([added.code, added.stdout]).toEqual([0, 'First.Admin can sign in as administrator.\n']);
    await worklist.signIn('first.admin');
    expect((await ichor(['user', 'list'])).stdout).toMatch(/^first\.admin +administrator +password +active +\d{4}-/m);
    const disabled = await worklist.signIn('first.admin');
    expect((await ichor(['user', 'disable', 'first.admin'])).code).toBe(0);
    expect((await disabled.send('/api/studies')).status).toBe(401);
    await expect(worklist.signIn('first.admin')).rejects.toThrow('401');
    await ichor(['user', 'enable', 'first.admin']);
    await ichor(['user', 'password', 'first.admin'], 'quite another password\n');
    await expect(worklist.signIn('first.admin')).rejects.toThrow('401');
  });

  test.each([
    [['user', 'add', 'vera', '--role', 'viewer'], PASSWORD, 'there is such a user already'],
    [['user', 'add', 'newone', '--role', 'king'], PASSWORD, 'a role is one of viewer'],
    [['user', 'add', 'newone', '--role', 'viewer'], 'short', 'it must have at least 12 characters'],
    [['user', 'add', 'new one', '--role', 'viewer'], PASSWORD, 'a user name has'],
    [['user', 'disable', 'nobody'], '', 'there is no such user'],
    [['token', 'revoke', 'nothing'], '', 'there is no such token'],
  ])('%j is refused with the reason', async (args, input, reason) => {
    const { code, stderr } = await ichor(args, `${input}\n`);
    expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
  });

  test('a token opens the API without patient data, until it is revoked', async () => {
    const made = await ichor(['token', 'add', 'dashboard', '--role', 'viewer', '--expires', '30']);
    const token = made.stdout.trim();
    expect(token).toMatch(/^ichor_[\w-]{43}$/);
    const answer = await asMachine(token, '/api/studies');
    const stream = asMachine(token, '/api/events').then((events) => events.text());
    const text = await answer.text();
    expect([answer.status, JSON.parse(text).studies[0].studyInstanceUid]).toEqual([200, '1.2.3']);
    expect(text).not.toMatch(/Doe|PID-4711|patient/);
    expect((await asMachine(token, '/audit')).status).toBe(403);
    expect((await ichor(['token', 'list'])).stdout).toMatch(/^dashboard +viewer +without patient data +until 20/m);
    await ichor(['token', 'revoke', 'dashboard']);
    expect((await asMachine(token, '/api/studies')).status).toBe(401);
    expect(await stream).toContain('event: ready');
  });

  test('a token made for it gets patient data; one past its end gets nothing', async () => {
    const token = (
      await ichor(['token', 'add', 'ris', '--role', 'viewer', '--patient-data', '--expires', '1'])
    ).stdout.trim();
    expect(await (await asMachine(token, '/api/studies/1.2.3')).json()).toMatchObject({
      patient: { name: 'Doe^Jane' },
    });
    await worklist.database.pool.query(`UPDATE api_token SET expires_at = now() WHERE name = 'ris'`);
    expect((await asMachine(token, '/api/studies/1.2.3')).status).toBe(401);
  });
});

test('events name the patient to people only', async () => {
  const token = (await ichor(['token', 'add', 'listener', '--role', 'viewer'])).stdout.trim();
  const person = await worklist.signIn('vera');
  const texts = ['', ''];
  const abort = new AbortController();
  const streams = [
    await person.send('/api/events', { signal: abort.signal }),
    await asMachine(token, '/api/events', { signal: abort.signal }),
  ];
  const reading = streams.map(async (stream, index) => {
    for await (const chunk of stream.body!) texts[index] += new TextDecoder().decode(chunk);
  });
  await worklist.database.pool.query(`UPDATE study SET priority = 1 WHERE study_instance_uid = '1.2.3'`);
  await eventually('both events', async () => texts.every((text) => text.includes('event: study')));
  abort.abort();
  await Promise.allSettled(reading);
  expect(texts[0]).toContain('Doe^Jane');
  expect(texts[1]).not.toMatch(/Doe|PID-4711/);
});

describe('without sign-in', () => {
  test('nothing but the demo runs: the setting is refused with its remedy, and sign-in is on by itself', () => {
    expect(readConfig({ ICHOR_SIGN_IN: 'off' }).problems).toEqual([
      expect.stringMatching(/^ICHOR_SIGN_IN can only be on: .*ichor user add NAME --role administrator.*npm run demo/),
    ]);
    expect([loadConfig({}).signIn, loadConfig({ ICHOR_SIGN_IN: 'on' }).signIn]).toEqual([true, true]);
  });

  test('the demo runs on loopback, whatever the environment says', async () => {
    const env = { ICHOR_BIND: '0.0.0.0', ICHOR_PUBLIC_URL: 'https://ichor.hospital.org' };
    const { signIn, bind, publicUrl } = await demoConfig(env, { data: '.' }, 1);
    expect([signIn, bind, publicUrl]).toEqual([false, '127.0.0.1', null]);
  });

  test('everybody on this machine is the demo user, and another name for this machine is refused', async () => {
    await worklist.restart({}, false);
    try {
      expect((await fetch(`${worklist.url}/api/studies`)).status).toBe(200);
      const client = openWebClient(worklist.url);
      expect((await client.open('/account')).text).toContain('Demo (demo)');
      const { port } = new URL(worklist.url);
      const { request } = await import('node:http');
      const asked = request({ host: '127.0.0.1', port, path: '/api/studies', headers: { host: 'evil.example' } }).end();
      const [answer] = await once(asked, 'response');
      expect(answer.statusCode).toBe(403);
      answer.resume();
    } finally {
      await worklist.restart();
    }
  });
});

test('behind TLS the cookie is tied to the host, and the address of the client is what the trusted proxy says', async () => {
  await worklist.restart({ ICHOR_PUBLIC_URL: 'https://ichor.hospital.org', ICHOR_TRUSTED_PROXIES: '127.0.0.1' });
  try {
    const answer = await fetch(`${worklist.url}/sign-in`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: 'https://ichor.hospital.org', 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' },
      body: new URLSearchParams({ name: 'vera', password: PASSWORD }),
    });
    expect(answer.headers.getSetCookie()[0]).toMatch(
      /^__Host-ichor_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure;/,
    );
    expect(answer.headers.get('strict-transport-security')).toContain('max-age=');
    const { rows } = await worklist.database.pool.query('SELECT address FROM audit ORDER BY audit_id DESC LIMIT 1');
    expect(rows[0].address).toBe('203.0.113.9');
  } finally {
    await worklist.restart();
  }
});
