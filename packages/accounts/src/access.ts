/** What handlers need of sign-in: who may go on, and the audit trail. */
import type { Config } from '@ichor/settings/config';
import type { Role } from '@ichor/settings/signInSettings';
import type { Act } from '@ichor/shared/acts';
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import { type AuditEntry, writeAudit } from '@ichor/store/rows/audit';
import type { Log } from '@ichor/telemetry/log';
import type { FastifyRequest } from 'fastify';

export type SignInConfig = Pick<
  Config,
  'signIn' | 'publicUrl' | 'sessionIdleMs' | 'sessionMaxMs' | 'oidc' | 'auditSyslog'
>;
export type SignInParts = { readonly config: SignInConfig; readonly database: Database; readonly log: Log };

declare module 'fastify' {
  interface FastifyInstance {
    signInParts: SignInParts;
  }
}

/** A preHandler: only these roles may go on. @throws IchorError SIGN_IN_REQUIRED, NOT_ALLOWED */
export function allow(...roles: readonly Role[]): (request: FastifyRequest) => Promise<void> {
  return async ({ user }) => {
    if (user === null) throw new IchorError('SIGN_IN_REQUIRED');
    if (!roles.includes(user.role))
      throw new IchorError('NOT_ALLOWED', { roles: roles.join(' or '), name: user.name, role: user.role });
  };
}

/**
 * Writes what the one behind the request saw or did into the audit trail. Await it before answering: what cannot be
 * recorded is not shown. @param detail whom or what it was about, never patient data
 */
export async function audit(
  request: FastifyRequest,
  act: Act,
  studyInstanceUid: string | null,
  detail: string | null = null,
): Promise<void> {
  const { user } = request;
  await recordAct(request, {
    actor: user?.name ?? 'stranger',
    actorKind: user?.kind ?? 'stranger',
    role: user?.role ?? null,
    act,
    succeeded: true,
    studyInstanceUid,
    detail,
  });
}

/** An entry whose actor is not the one behind the request, as at sign-in. */
export function recordAct(request: FastifyRequest, entry: Omit<AuditEntry, 'address'>): Promise<void> {
  const { config, database } = request.server.signInParts;
  return writeAudit(database, { ...entry, address: request.ip }, config.auditSyslog !== null);
}

/** Whether browsers reach us over TLS. */
export const isSecure = (config: Pick<Config, 'publicUrl'>): boolean => config.publicUrl?.startsWith('https:') ?? false;
