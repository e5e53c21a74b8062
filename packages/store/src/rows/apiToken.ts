/** The table `api_token`: tokens of machines, by their hashes. One statement per function. */
import type { Role } from '@ichor/settings/signInSettings';
import type { Database } from '../postgres/database.ts';

export type ApiToken = {
  readonly name: string;
  readonly role: Role;
  readonly patientData: boolean;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
};

const ALIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** @param given days until it expires; null: never @returns false when there is a token of this name already */
export async function insertToken(
  database: Database,
  given: Pick<ApiToken, 'name' | 'role' | 'patientData'> & { readonly hash: Buffer; readonly days: number | null },
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `INSERT INTO api_token (name, token_hash, role, patient_data, expires_at)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 day') ON CONFLICT (name) DO NOTHING`,
    [given.name, given.hash, given.role, given.patientData, given.days],
  );
  return rowCount !== 0;
}

/** Notes the use. Null when there is no such token, it has expired or was revoked. */
export async function useToken(
  database: Database,
  hash: Buffer,
): Promise<Pick<ApiToken, 'name' | 'role' | 'patientData'> | null> {
  const { rows } = await database.pool.query(
    `UPDATE api_token SET last_used_at = now() WHERE token_hash = $1 AND ${ALIVE} RETURNING name, role, patient_data`,
    [hash],
  );
  const row = rows[0];
  return row === undefined ? null : { name: row.name, role: row.role, patientData: row.patient_data };
}

/** Those of the given tokens that are still good, as hex. */
export async function aliveTokens(database: Database, hashes: readonly Buffer[]): Promise<ReadonlySet<string>> {
  const { rows } = await database.pool.query(
    `SELECT token_hash FROM api_token WHERE token_hash = ANY ($1) AND ${ALIVE}`,
    [hashes],
  );
  return new Set(rows.map((row) => row.token_hash.toString('hex')));
}

export async function listTokens(database: Database): Promise<ApiToken[]> {
  const { rows } = await database.pool.query(
    'SELECT name, role, patient_data, expires_at, revoked_at, last_used_at FROM api_token ORDER BY name',
  );
  return rows.map((row) => ({
    name: row.name,
    role: row.role,
    patientData: row.patient_data,
    expiresAt: row.expires_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
  }));
}

/** @returns false when there is no such token in use */
export async function markRevoked(database: Database, name: string): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    'UPDATE api_token SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL',
    [name],
  );
  return rowCount !== 0;
}
