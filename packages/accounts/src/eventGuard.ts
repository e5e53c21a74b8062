/** Open event streams end when the session or token behind them does: revoked, expired, or its user disabled. */
import type { ServerResponse } from 'node:http';
import { aliveTokens } from '@ichor/store/rows/apiToken';
import { aliveSessions } from '@ichor/store/rows/session';
import type { FastifyInstance } from 'fastify';
import type { SignInParts } from './access.ts';
import type { Identity } from './identity.ts';

const CHECK_EVERY_MS = 2_000;

/** Watches every response of `/api/events`; one query for all of them together. */
export function addEventGuard(app: FastifyInstance, { config, database }: SignInParts): void {
  const open = new Map<ServerResponse, Identity>();
  app.addHook('preHandler', async (request, reply) => {
    if (request.routeOptions.url !== '/api/events' || request.identity === null) return;
    open.set(reply.raw, request.identity);
    reply.raw.once('close', () => open.delete(reply.raw));
  });
  const check = async (): Promise<void> => {
    const identities = [...open.values()];
    const sessions = identities.flatMap(({ session }) => (session === null ? [] : [session.hash]));
    const tokens = identities.flatMap(({ tokenHash }) => (tokenHash === null ? [] : [tokenHash]));
    const alive = new Set([
      ...(sessions.length > 0 ? await aliveSessions(database, sessions, config) : []),
      ...(tokens.length > 0 ? await aliveTokens(database, tokens) : []),
    ]);
    for (const [response, { session, tokenHash }] of open) {
      const hash = session?.hash ?? tokenHash;
      if (
        hash &&
        identities.some((one) => one.session?.hash === hash || one.tokenHash === hash) &&
        !alive.has(hash.toString('hex'))
      )
        response.end();
    }
  };
  /** While the database is away nobody can be shown anything new either. */
  const timer = setInterval(() => void check().catch(() => {}), CHECK_EVERY_MS);
  timer.unref();
  app.addHook('onClose', async () => clearInterval(timer));
}
