/** Sessions of people: a random id in the cookie, its hash in PostgreSQL, idle and absolute expiry by the database's clock. */
import type { Database } from '@ichor/store/postgres/database';
import { markSignedIn } from '@ichor/store/rows/account';
import { deleteOldOidcRequests } from '@ichor/store/rows/oidcRequest';
import {
  deleteExpiredSessions,
  insertSession,
  readSession,
  type SessionLimits,
  touchSession,
} from '@ichor/store/rows/session';
import { deleteOldAttempts } from '@ichor/store/rows/signInAttempt';
import type { Identity } from './identity.ts';
import { hashOf, newSecret } from './secrets.ts';

/** @returns the id for the cookie, known to nobody else */
export async function openSession(database: Database, accountId: string, idToken: string | null): Promise<string> {
  const id = newSecret();
  await database.transaction(async (client) => {
    await markSignedIn(client, accountId);
    await insertSession(client, { hash: hashOf(id), accountId, idToken });
  });
  return id;
}

/** Who the cookie stands for; null when it is unknown, expired or revoked. */
export async function findSession(database: Database, id: string, limits: SessionLimits): Promise<Identity | null> {
  const hash = hashOf(id);
  const owner = await readSession(database, hash, limits);
  if (owner === null) return null;
  if (owner.stale) await touchSession(database, hash);
  const { name, displayName, role, accountId, local } = owner;
  return {
    user: { name, displayName, role, kind: 'person' },
    maySeePatients: true,
    session: { hash, accountId, local },
    tokenHash: null,
  };
}

/** Removes what has expired; called at each sign-in. */
export async function forgetExpired(database: Database, limits: SessionLimits): Promise<void> {
  await deleteOldOidcRequests(database);
  await deleteOldAttempts(database);
  await deleteExpiredSessions(database, limits);
}
