/** Sessions of people: a random id in the cookie, its hash in PostgreSQL, idle and absolute expiry by the database's clock. */
import type { Config } from '@ichor/settings/config';
import type { Database } from '@ichor/store/postgres/database';
import type { Identity } from './identity.ts';
import { hashOf, newSecret } from './secrets.ts';

type Limits = Pick<Config, 'sessionIdleMs' | 'sessionMaxMs'>;

const ALIVE = `s.last_used_at > now() - $2 * interval '1 millisecond' AND s.created_at > now() - $3 * interval '1 millisecond'
  AND a.disabled_at IS NULL`;

/** @returns the id for the cookie, known to nobody else */
export async function openSession(database: Database, accountId: string, idToken: string | null): Promise<string> {
  const id = newSecret();
  await database.pool.query(
    `WITH signed_in AS (UPDATE account SET last_sign_in_at = now() WHERE account_id = $2)
     INSERT INTO session (session_hash, account_id, id_token) VALUES ($1, $2, $3)`,
    [hashOf(id), accountId, idToken],
  );
  return id;
}

/** Who the cookie stands for; null when it is unknown, expired or revoked. */
export async function findSession(database: Database, id: string, limits: Limits): Promise<Identity | null> {
  const hash = hashOf(id);
  const { rows } = await database.pool.query(
    `SELECT a.account_id, a.name, a.display_name, a.role, a.issuer, s.last_used_at NOT BETWEEN now() - interval '1 minute' AND now() + interval '1 minute' AS stale
       FROM session s JOIN account a USING (account_id) WHERE s.session_hash = $1 AND ${ALIVE}`,
    [hash, limits.sessionIdleMs, limits.sessionMaxMs],
  );
  const row = rows[0];
  if (row === undefined) return null;
  if (row.stale) await touchSession(database, hash);
  return {
    user: { name: row.name, displayName: row.display_name, role: row.role, kind: 'person' },
    maySeePatients: true,
    session: { hash, accountId: String(row.account_id), local: row.issuer === null },
    tokenHash: null,
  };
}

/** A session from before the database's clock was set back begins now: it lasts no longer than any other. */
async function touchSession(database: Database, hash: Buffer): Promise<void> {
  await database.pool.query(
    'UPDATE session SET last_used_at = now(), created_at = least(created_at, now()) WHERE session_hash = $1',
    [hash],
  );
}

/** @returns the provider's ID token of that session, for signing out there */
export async function closeSession(database: Database, hash: Buffer): Promise<string | null> {
  const { rows } = await database.pool.query('DELETE FROM session WHERE session_hash = $1 RETURNING id_token', [hash]);
  return rows[0]?.id_token ?? null;
}

/** Those of the given sessions that are still good, as hex. */
export async function aliveSessions(
  database: Database,
  hashes: readonly Buffer[],
  limits: Limits,
): Promise<ReadonlySet<string>> {
  const { rows } = await database.pool.query(
    `SELECT s.session_hash FROM session s JOIN account a USING (account_id) WHERE s.session_hash = ANY ($1) AND ${ALIVE}`,
    [hashes, limits.sessionIdleMs, limits.sessionMaxMs],
  );
  return new Set(rows.map((row) => row.session_hash.toString('hex')));
}

/** Removes what has expired; called at each sign-in. */
export async function forgetExpired(database: Database, limits: Limits): Promise<void> {
  await database.pool.query(
    `WITH requests AS (DELETE FROM oidc_request WHERE created_at < now() - interval '1 hour'),
          attempts AS (DELETE FROM sign_in_attempt WHERE last_at < now() - interval '1 day')
     DELETE FROM session WHERE last_used_at < now() - $1 * interval '1 millisecond'
        OR created_at < now() - $2 * interval '1 millisecond'`,
    [limits.sessionIdleMs, limits.sessionMaxMs],
  );
}
