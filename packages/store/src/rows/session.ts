/** The table `session`: by the hash of its id, with idle and absolute expiry by the database's clock. One statement per function. */
import type { Role } from '@ichor/settings/signInSettings';
import type { Database, DatabaseClient } from '../postgres/database.ts';

/** How long a session lasts: since it was last used, and since it began. */
export type SessionLimits = { readonly sessionIdleMs: number; readonly sessionMaxMs: number };

export type SessionOwner = {
  readonly accountId: string;
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  readonly local: boolean;
  /** Its last use was noted so long ago that it is worth noting again. */
  readonly stale: boolean;
};

const ALIVE = `s.last_used_at > now() - $2 * interval '1 millisecond' AND s.created_at > now() - $3 * interval '1 millisecond'
  AND a.disabled_at IS NULL`;

export async function insertSession(
  client: DatabaseClient,
  session: { readonly hash: Buffer; readonly accountId: string; readonly idToken: string | null },
): Promise<void> {
  await client.query('INSERT INTO session (session_hash, account_id, id_token) VALUES ($1, $2, $3)', [
    session.hash,
    session.accountId,
    session.idToken,
  ]);
}

/** Null when there is no such session, it has expired, or its user is disabled. */
export async function readSession(
  database: Database,
  hash: Buffer,
  limits: SessionLimits,
): Promise<SessionOwner | null> {
  const { rows } = await database.pool.query(
    `SELECT a.account_id, a.name, a.display_name, a.role, a.issuer, s.last_used_at NOT BETWEEN now() - interval '1 minute' AND now() + interval '1 minute' AS stale
       FROM session s JOIN account a USING (account_id) WHERE s.session_hash = $1 AND ${ALIVE}`,
    [hash, limits.sessionIdleMs, limits.sessionMaxMs],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return {
    accountId: String(row.account_id),
    name: row.name,
    displayName: row.display_name,
    role: row.role,
    local: row.issuer === null,
    stale: row.stale,
  };
}

/** A session from before the database's clock was set back begins now: it lasts no longer than any other. */
export async function touchSession(database: Database, hash: Buffer): Promise<void> {
  await database.pool.query(
    'UPDATE session SET last_used_at = now(), created_at = least(created_at, now()) WHERE session_hash = $1',
    [hash],
  );
}

/** @returns the provider's ID token of that session */
export async function deleteSession(database: Database, hash: Buffer): Promise<string | null> {
  const { rows } = await database.pool.query('DELETE FROM session WHERE session_hash = $1 RETURNING id_token', [hash]);
  return rows[0]?.id_token ?? null;
}

export async function deleteSessionsOf(client: DatabaseClient, accountIds: readonly string[]): Promise<void> {
  await client.query('DELETE FROM session WHERE account_id = ANY ($1)', [accountIds]);
}

export async function deleteExpiredSessions(database: Database, limits: SessionLimits): Promise<void> {
  await database.pool.query(
    `DELETE FROM session WHERE last_used_at < now() - $1 * interval '1 millisecond'
        OR created_at < now() - $2 * interval '1 millisecond'`,
    [limits.sessionIdleMs, limits.sessionMaxMs],
  );
}

/** Those of the given sessions that are still good, as hex. */
export async function aliveSessions(
  database: Database,
  hashes: readonly Buffer[],
  limits: SessionLimits,
): Promise<ReadonlySet<string>> {
  const { rows } = await database.pool.query(
    `SELECT s.session_hash FROM session s JOIN account a USING (account_id) WHERE s.session_hash = ANY ($1) AND ${ALIVE}`,
    [hashes, limits.sessionIdleMs, limits.sessionMaxMs],
  );
  return new Set(rows.map((row) => row.session_hash.toString('hex')));
}
