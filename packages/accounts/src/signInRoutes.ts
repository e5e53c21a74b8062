/** The routes of sign-in, sign-out, account and audit trail. */
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { upsertOidcAccount } from '@ichor/store/rows/account';
import { type AuditQuery, listAudit } from '@ichor/store/rows/audit';
import { deleteSession } from '@ichor/store/rows/session';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { allow, audit, isSecure, recordAct, type SignInParts } from './access.ts';
import { changePassword, findLocal, lacksUser } from './accounts.ts';
import { forgiveAttempts, takeAttempt } from './attempts.ts';
import { readCookie, writeCookie } from './cookies.ts';
import { type OidcProvider, openOidc } from './oidc.ts';
import { keepRequest, takeRequest } from './oidcRequests.ts';
import { accountPage, auditPage, SIGN_IN_CSS, signedOutPage, signInPage } from './pages.ts';
import { passwordProblem, verifyPassword } from './passwords.ts';
import { forgetExpired, openSession } from './sessions.ts';

const FORM = 'application/x-www-form-urlencoded';
const OIDC_COOKIE_SECONDS = 600;
const MOST_ENTRIES = 500;

type Parts = SignInParts & { readonly oidc: OidcProvider | null };

/** Adds every route. The configuration has checked that single sign-on comes with a public URL. */
export function addSignInRoutes(app: FastifyInstance, given: SignInParts): void {
  const { oidc, publicUrl } = given.config;
  const parts = { ...given, oidc: oidc === null ? null : openOidc(oidc, publicUrl!) };
  app.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: 16_384 }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  app.get('/sign-in.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(SIGN_IN_CSS));
  addPasswordRoutes(app, parts);
  addOidcRoutes(app, parts);
  addAccountRoutes(app, parts);
  addAuditRoute(app, parts);
}

function addPasswordRoutes(app: FastifyInstance, parts: Parts): void {
  app.get('/sign-in', async (request, reply) => {
    const returnTo = returnPath(request.query);
    if (request.user !== null) return reply.redirect(returnTo, 303);
    return showSignIn(parts, reply, 200, { returnTo, name: '', problem: null });
  });
  app.post('/sign-in', async (request, reply) => {
    const { name, password, to } = Credentials.parse(request.body ?? {});
    const answer = await tryPassword(request, parts, name, password);
    if (typeof answer !== 'string') return enter(request, reply, parts, answer.accountId, null, returnPath({ to }));
    const locked = answer.startsWith('Too many');
    return showSignIn(parts, reply, locked ? 429 : 401, { returnTo: returnPath({ to }), name, problem: answer });
  });
  app.post('/sign-out', async (request, reply) => {
    const { session } = request.identity!;
    if (session === null) return reply.redirect('/', 303);
    await audit(request, 'sign-out', null);
    const idToken = await deleteSession(parts.database, session.hash);
    writeCookie(reply, 'ichor_session', '', { secure: isSecure(parts.config), maxAgeSeconds: 0 });
    return html(reply, signedOutPage(session.local ? null : ((await parts.oidc?.signOutUrl(idToken)) ?? null)));
  });
}

const text = z.string().max(2_000).catch('');
const Credentials = z.object({ name: text, password: text, to: text });

/** @returns the account, or why not, as a sentence for the page */
async function tryPassword(
  request: FastifyRequest,
  { database }: Parts,
  given: string,
  password: string,
): Promise<{ accountId: string } | string> {
  const name = given.trim().toLowerCase().slice(0, 64);
  const wait = await takeAttempt(database, name, request.ip);
  const refuse = async (detail: string, sentence: string): Promise<string> => {
    await recordSignIn(request, name, null, detail);
    return sentence;
  };
  if (wait !== null) return refuse('locked', `Too many failed attempts. Try again in ${duration(wait)}.`);
  const found = await findLocal(database, name);
  const right = await verifyPassword(password, found?.passwordHash ?? null);
  if (!right || found === null || found.account.disabled)
    return refuse(right ? 'disabled user' : 'wrong name or password', 'The user name or the password is wrong.');
  await forgiveAttempts(database, name, request.ip);
  await recordSignIn(request, found.account.name, found.account.role, null);
  return found.account;
}

const duration = (seconds: number): string =>
  seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;

/** @param detail why it failed; null when it did not */
const recordSignIn = (request: FastifyRequest, actor: string, role: string | null, detail: string | null) =>
  recordAct(request, {
    actor: actor || 'nobody',
    actorKind: detail === null ? 'person' : 'stranger',
    role,
    act: 'sign-in',
    succeeded: detail === null,
    studyInstanceUid: null,
    detail,
  });

/** A new session in every case: an id that was known before sign-in is of no use afterwards. */
async function enter(
  request: FastifyRequest,
  reply: FastifyReply,
  { config, database }: Parts,
  accountId: string,
  idToken: string | null,
  to: string,
) {
  if (request.identity?.session) await deleteSession(database, request.identity.session.hash);
  await forgetExpired(database, config);
  const id = await openSession(database, accountId, idToken);
  writeCookie(reply, 'ichor_session', id, { secure: isSecure(config), maxAgeSeconds: config.sessionMaxMs / 1_000 });
  return reply.redirect(to, 303);
}

function addOidcRoutes(app: FastifyInstance, parts: Parts): void {
  const { database, config, oidc, log } = parts;
  if (oidc === null) return;
  const secure = isSecure(config);
  app.get('/sign-in/oidc', async (request, reply) => {
    const returnTo = returnPath(request.query);
    try {
      const { request: started, url } = await oidc.begin();
      await keepRequest(database, started, returnTo);
      writeCookie(reply, 'ichor_oidc', started.state, { secure, maxAgeSeconds: OIDC_COOKIE_SECONDS });
      return reply.redirect(url, 303);
    } catch (error) {
      log.event('sign-in.provider-away', { reason: reasonOf(error) });
      return showSignIn(parts, reply, 503, { returnTo, name: '', problem: reasonOf(error) });
    }
  });
  app.get('/sign-in/oidc/callback', async (request, reply) => {
    const state = readCookie(request, 'ichor_oidc', secure);
    writeCookie(reply, 'ichor_oidc', '', { secure, maxAgeSeconds: 0 });
    try {
      const { account, idToken, returnTo } = await comeBack(request, parts, oidc, state);
      await recordSignIn(request, account.name, account.role, null);
      return await enter(request, reply, parts, account.accountId, idToken, returnTo);
    } catch (error) {
      if (!(error instanceof IchorError) || !error.code.startsWith('OIDC')) throw error;
      await recordSignIn(request, 'nobody', null, error.message);
      return showSignIn(parts, reply, error.retryable ? 503 : 401, { returnTo: '/', name: '', problem: error.message });
    }
  });
}

/** The state must be the one that this browser was sent away with. @throws IchorError OIDC_REFUSED, OIDC_UNAVAILABLE */
async function comeBack(
  request: FastifyRequest,
  { database, config }: Parts,
  oidc: OidcProvider,
  state: string | null,
) {
  const kept = state === null ? null : await takeRequest(database, state);
  if (kept === null)
    throw new IchorError('OIDC_REFUSED', { reason: 'this sign-in was not started here, or too long ago' });
  const person = await oidc.finish(request.url.split('?')[1] ?? '', kept.request);
  const account = await upsertOidcAccount(database, { ...person, issuer: config.oidc!.issuer });
  if (account.disabled) throw new IchorError('OIDC_REFUSED', { reason: `${account.name} is disabled in Ichor` });
  return { account, idToken: person.idToken, returnTo: kept.returnTo };
}

function addAccountRoutes(app: FastifyInstance, { database, config }: Parts): void {
  app.get('/account', async (request, reply) =>
    html(reply, accountPage(request.user!, request.identity?.session?.local ?? false, null, null)),
  );
  app.post('/account/password', async (request, reply) => {
    const { user, identity } = request;
    if (user === null || !identity?.session?.local)
      throw new IchorError('REQUEST_INVALID', { reason: 'this account has no password in Ichor' });
    const problem = await passwordChange(request, database, user.name);
    if (problem !== null) return html(reply.code(400), accountPage(user, true, problem, null));
    await audit(request, 'password-changed', null, user.name);
    const id = await openSession(database, identity.session.accountId, null);
    writeCookie(reply, 'ichor_session', id, { secure: isSecure(config), maxAgeSeconds: config.sessionMaxMs / 1_000 });
    return html(reply, accountPage(user, true, null, 'The password is changed. Every other session is signed out.'));
  });
}

const Passwords = z.object({ current: text, next: text, again: text });

/** @returns what is wrong, as a sentence; null when the password is changed and every session ended */
async function passwordChange(
  request: FastifyRequest,
  database: Parts['database'],
  name: string,
): Promise<string | null> {
  const { current, next, again } = Passwords.parse(request.body ?? {});
  const wait = await takeAttempt(database, name, request.ip);
  if (wait !== null) return `Too many failed attempts. Try again in ${duration(wait)}.`;
  const found = await findLocal(database, name);
  if (!(await verifyPassword(current, found?.passwordHash ?? null))) return 'The present password is wrong.';
  await forgiveAttempts(database, name, request.ip);
  if (next !== again) return 'The new password was not typed the same twice.';
  const problem = passwordProblem(next, name);
  if (problem !== null) return `The new password cannot be used: ${problem}.`;
  await changePassword(database, name, next);
  return null;
}

function addAuditRoute(app: FastifyInstance, { database }: Parts): void {
  app.get('/audit', { preHandler: allow('administrator') }, async (request, reply) => {
    const query = parseAuditQuery(request.query);
    await audit(request, 'audit-viewed', null);
    return html(reply, auditPage(await listAudit(database, query), query));
  });
}

const filter = z
  .string()
  .trim()
  .max(200)
  .transform((given) => given || null)
  .nullable()
  .catch(null);
const AuditFilter = z.object({
  studyInstanceUid: filter,
  actor: filter,
  before: z.coerce.number().int().positive().nullable().catch(null),
  limit: z.coerce.number().int().min(1).max(MOST_ENTRIES).catch(200),
});
const parseAuditQuery = (query: unknown): AuditQuery => AuditFilter.parse(query);

async function showSignIn(
  { config, database, oidc }: Parts,
  reply: FastifyReply,
  status: number,
  shown: { readonly returnTo: string; readonly name: string; readonly problem: string | null },
) {
  const single = oidc === null ? null : { problem: await oidc.problem() };
  const empty = await lacksUser(config, database);
  return html(reply.code(status), signInPage({ ...shown, empty, oidc: single }));
}

const html = (reply: FastifyReply, page: string) => reply.type('text/html; charset=utf-8').send(page);

/** A path of ours, so that nobody is sent to another site after sign-in. */
function returnPath(query: unknown): string {
  const { to } = (query ?? {}) as { to?: unknown };
  return typeof to === 'string' && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(to) && !to.startsWith('/sign-') ? to : '/';
}
