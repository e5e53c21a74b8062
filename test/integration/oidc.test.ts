/** Single sign-on against a real OpenID Connect provider in a process of its own. */

import { loadConfig, readConfig } from '@ichor/settings/config';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, freePort } from '../support/ichor.ts';
import { oidcSettings, startOidcProvider } from '../support/oidcProvider.ts';
import { type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
import { openWebClient, type Page, type WebClient } from '../support/webClient.ts';

let worklist: SignedInWorklist;
let provider: { stop(): Promise<void> };
let providerPort: number;
beforeAll(async () => {
  providerPort = await freePort();
  worklist = await startSignedInWorklist((origin) => oidcSettings(providerPort, origin));
  provider = await startOidcProvider(providerPort, worklist.url);
});
afterAll(async () => {
  await provider?.stop();
  await worklist?.stop();
});

let person: WebClient;
beforeEach(() => {
  person = openWebClient(worklist.url);
});

/** Signs in at the provider: its form for name and password, then its question whether Ichor may know. */
async function signInThere(client: WebClient, login: string, start = '/sign-in/oidc'): Promise<Page> {
  const form = await client.open(start);
  expect(form.url).toContain(`127.0.0.1:${providerPort}/interaction/`);
  const consent = await client.submit(actionOf(form), { prompt: 'login', login, password: 'any' }, form.url);
  return client.submit(actionOf(consent), { prompt: 'consent' }, consent.url);
}
const actionOf = (page: Page): string => new URL(/action="([^"]+)"/.exec(page.text)![1]!, page.url).href;
const roleOf = async (client: WebClient): Promise<string> =>
  /<dt>Role<\/dt><dd>(\w+)/.exec((await client.open('/account')).text)![1]!;
const lastSignIn = async () =>
  (await worklist.database.pool.query(`SELECT * FROM audit WHERE act = 'sign-in' ORDER BY audit_id DESC LIMIT 1`))
    .rows[0];

describe('a person with an account at the provider', () => {
  test('comes back signed in, on the page they wanted, with the role of their group', async () => {
    const page = await signInThere(person, 'ada', '/sign-in/oidc?to=%2Faccount');
    expect([page.status, page.url]).toEqual([200, `${worklist.url}/account`]);
    expect(page.text).toContain('Ada Lovelace');
    expect(await roleOf(person)).toBe('radiologist');
    expect(await lastSignIn()).toMatchObject({ actor: 'ada@127.0.0.1', succeeded: true, role: 'radiologist' });
  });

  test('gets the highest role that any of their groups gives', async () => {
    await signInThere(person, 'grace');
    expect(await roleOf(person)).toBe('administrator');
  });

  test('is refused with a reason when none of their groups has a role', async () => {
    const page = await signInThere(person, 'mallory');
    expect(page.status).toBe(401);
    expect(page.text).toContain('no group of mallory has a role in Ichor');
    expect((await person.send('/api/studies')).status).toBe(401);
    expect(await lastSignIn()).toMatchObject({ succeeded: false });
  });

  test('is refused when an administrator has disabled them', async () => {
    await signInThere(person, 'ada');
    await worklist.database.pool.query(`UPDATE account SET disabled_at = now() WHERE subject = 'ada'`);
    try {
      expect((await person.send('/api/studies')).status).toBe(401);
      const page = await person.open('/sign-in/oidc');
      expect([page.status, page.text]).toEqual([401, expect.stringContaining('is disabled in Ichor')]);
    } finally {
      await worklist.database.pool.query('UPDATE account SET disabled_at = NULL');
    }
  });

  test('signs out at the provider too', async () => {
    await signInThere(person, 'ada');
    const page = await person.submit('/sign-out', {});
    const there = /url=([^"]+)"/.exec(page.text)![1]!.replaceAll('&amp;', '&');
    expect(there).toContain('id_token_hint=');
    expect((await person.send('/api/studies')).status).toBe(401);
    const question = await person.open(there);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(question.text)![1]!;
    const back = await person.submit(actionOf(question), { xsrf, logout: 'yes' }, question.url);
    expect(back.url).toBe(`${worklist.url}/sign-in`);
    expect((await person.open('/sign-in/oidc')).text).toContain('name="login"');
  });
});

describe('an answer that does not belong to the question', () => {
  /** Goes through the provider's forms up to the redirect back, and returns that address without opening it. */
  async function answerFor(client: WebClient, login: string): Promise<URL> {
    const form = await client.open('/sign-in/oidc');
    const consent = await client.submit(actionOf(form), { prompt: 'login', login, password: 'any' }, form.url);
    const origin = new URL(consent.url).origin;
    const body = new URLSearchParams({ prompt: 'consent' });
    let answer = await client.send(actionOf(consent), { method: 'POST', headers: { origin }, body });
    while (!answer.headers.get('location')!.startsWith(worklist.url))
      answer = await client.send(new URL(answer.headers.get('location')!, origin).href);
    return new URL(answer.headers.get('location')!);
  }
  const refused = async (client: WebClient, url: URL): Promise<void> => {
    const page = await client.open(url.href);
    expect([page.status, page.text]).toEqual([401, expect.stringContaining('Single sign-on was refused')]);
    expect((await client.send('/api/studies')).status).toBe(401);
  };

  test('with another state is refused', async () => {
    const url = await answerFor(person, 'ada');
    url.searchParams.set('state', 'another');
    await refused(person, url);
  });

  test('with another nonce is refused', async () => {
    const url = await answerFor(person, 'ada');
    await worklist.database.pool.query(`UPDATE oidc_request SET nonce = 'another'`);
    await refused(person, url);
  });

  test('without the code verifier is refused by the provider', async () => {
    const url = await answerFor(person, 'ada');
    await worklist.database.pool.query(`UPDATE oidc_request SET code_verifier = repeat('x', 43)`);
    await refused(person, url);
  });

  test('opened by another browser is refused, so that nobody is signed in as somebody else', async () => {
    const url = await answerFor(person, 'ada');
    await refused(openWebClient(worklist.url), url);
  });

  test('is good only once', async () => {
    const url = await answerFor(person, 'ada');
    const cookie = person.cookies('/').get('ichor_oidc')!;
    expect((await person.open(url.href)).status).toBe(200);
    const thief = openWebClient(worklist.url);
    thief.cookies('/').set('ichor_oidc', cookie);
    await refused(thief, url);
  });
});

test('a provider that is down stops nobody with a password, and is found again when it is back', async () => {
  await provider.stop();
  await worklist.restart();
  await worklist.addUser('local', 'viewer');
  const page = await person.open('/sign-in');
  expect([page.status, page.text]).toEqual([200, expect.stringContaining('Single sign-on does not answer right now')]);
  expect((await person.open('/sign-in/oidc')).status).toBe(503);
  await worklist.signIn('local');
  provider = await startOidcProvider(providerPort, worklist.url);
  await eventually('the button', async () => (await person.open('/sign-in')).text.includes('href="/sign-in/oidc'));
  await signInThere(person, 'ada');
  expect(await roleOf(person)).toBe('radiologist');
});

describe('settings that do not fit', () => {
  const good = oidcSettings(1234, 'https://ichor.hospital.org');
  test('are named, each with its remedy', () => {
    const { ICHOR_OIDC_CLIENT_ID: _id, ICHOR_PUBLIC_URL: _url, ...lacking } = good;
    expect(readConfig(lacking).problems).toEqual([
      'ICHOR_OIDC_ISSUER needs ICHOR_OIDC_CLIENT_ID',
      'ICHOR_OIDC_ISSUER needs ICHOR_PUBLIC_URL',
    ]);
    expect(readConfig({ ...good, ICHOR_OIDC_ROLES: 'readers=king' }).problems[0]).toContain(
      '"readers=king" must be group=role',
    );
    expect(readConfig({ ...good, ICHOR_OIDC_ISSUER: 'http://login.hospital.org' }).problems[0]).toContain(
      'must be https',
    );
    expect(readConfig({ ...good, ICHOR_OIDC_ISSUER: '' }).problems[0]).toContain('set ICHOR_OIDC_ISSUER too');
  });
  test('a group may be a distinguished name', () => {
    const { oidc, signIn } = loadConfig({ ...good, ICHOR_OIDC_ROLES: 'CN=neuro=viewer' });
    expect([...oidc!.roles, signIn]).toEqual([['CN=neuro', 'viewer'], true]);
  });
});
