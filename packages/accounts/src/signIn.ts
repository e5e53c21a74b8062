/**
 * ★ Sign-in: every request is identified before its handler, and everything that is not named open is closed to strangers.
 *
 * request ─► identify (token │ session cookie │ demo where sign-in is off) ─► open route? ─► signed in? ─► same origin? ─► role ─► handler
 *                                                                               │ no: 401, pages go to /sign-in
 */
import { IchorError } from '@ichor/shared/errors';
import { writeAudit } from '@ichor/store/rows/audit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isSecure, type SignInParts } from './access.ts';
import { startAuditSender } from './auditSender.ts';
import { readCookie } from './cookies.ts';
import { addEventGuard } from './eventGuard.ts';
import { DEMO, type Identity } from './identity.ts';
import { checkLoopbackHost, checkOrigin } from './origin.ts';
import { findSession } from './sessions.ts';
import { addSignInRoutes } from './signInRoutes.ts';
import { findToken } from './tokens.ts';

export { allow, audit, type SignInConfig, type SignInParts } from './access.ts';
export { maySeePatients } from './identity.ts';
export { withPatients } from './patients.ts';

/** What strangers reach: the way in, and what a monitor asks (no patient data). */
const OPEN: ReadonlySet<string> = new Set([
  '/healthz',
  '/readyz',
  '/metrics',
  '/sign-in',
  '/sign-in.css',
  '/favicon.ico',
  '/assets/icon.svg',
  '/sign-in/oidc',
  '/sign-in/oidc/callback',
]);

/** Adds identification, its routes and the sender of audit messages. Call it before any route is added. */
export function addSignIn(app: FastifyInstance, parts: SignInParts): void {
  app.decorate('signInParts', parts);
  app.decorateRequest('user', null);
  app.decorateRequest('identity', null);
  app.addHook('onRequest', async (request, reply) => {
    request.identity = await identify(request, parts);
    request.user = request.identity?.user ?? null;
    if (request.identity === null && !OPEN.has(request.routeOptions.url ?? '')) return turnAway(request, reply);
    checkOrigin(request, parts.config.publicUrl);
  });
  if (isSecure(parts.config))
    app.addHook(
      'onSend',
      async (_request, reply) => void reply.header('strict-transport-security', 'max-age=31536000'),
    );
  addSignInRoutes(app, parts);
  addEventGuard(app, parts);
  if (parts.config.auditSyslog !== null) startAuditSender(app, parts, parts.config.auditSyslog);
  if (parts.config.signIn) noteLife(app, parts);
}

async function identify(request: FastifyRequest, { config, database }: SignInParts): Promise<Identity | null> {
  if (!config.signIn) {
    checkLoopbackHost(request);
    return DEMO;
  }
  const [, token] = /^Bearer ([\w-]{20,200})$/i.exec(request.headers.authorization ?? '') ?? [];
  if (token !== undefined) return findToken(database, token);
  const session = readCookie(request, 'ichor_session', isSecure(config));
  return session === null ? null : findSession(database, session, config);
}

/** Pages go to the sign-in page and come back afterwards; programs get 401. */
function turnAway(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const page = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
  if (!page) throw new IchorError('SIGN_IN_REQUIRED');
  return reply.redirect(`/sign-in?to=${encodeURIComponent(request.url)}`, 303);
}

function noteLife(app: FastifyInstance, { config, database }: SignInParts): void {
  const note = (act: 'application-start' | 'application-stop') =>
    writeAudit(
      database,
      {
        actor: 'ichor',
        actorKind: 'system',
        role: null,
        address: null,
        act,
        succeeded: true,
        studyInstanceUid: null,
        detail: null,
      },
      config.auditSyslog !== null,
    ).catch(() => {});
  app.addHook('onListen', () => note('application-start'));
  app.addHook('preClose', () => note('application-stop'));
}
