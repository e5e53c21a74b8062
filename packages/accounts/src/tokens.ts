/** API tokens of machines: shown once, kept as a hash, with a role, an end and a switch for patient data. */

import type { Role } from '@ichor/settings/signInSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import type { Identity } from './identity.ts';
import { hashOf, newSecret } from './secrets.ts';

export type ApiToken = {
  readonly name: string;
  readonly role: Role;
  readonly patientData: boolean;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
};

const ALIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** @returns the token, which nobody can read again @throws IchorError INPUT_UNUSABLE when the name is taken or odd */
export async function addToken(
  database: Database,
  given: { readonly name: string; readonly role: Role; readonly patientData: boolean; readonly days: number | null },
): Promise<string> {
  if (!/^[\w.-]{2,64}$/.test(given.name))
    throw unusable(given.name, 'a token name has 2 to 64 letters, digits, dots, dashes and underscores');
  const token = `ichor_${newSecret()}`;
  const { rowCount } = await database.pool.query(
    `INSERT INTO api_token (name, token_hash, role, patient_data, expires_at)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 day') ON CONFLICT (name) DO NOTHING`,
    [given.name, hashOf(token), given.role, given.patientData, given.days],
  );
  if (rowCount === 0) throw unusable(given.name, 'there is a token of this name already');
  return token;
}

export async function findToken(database: Database, token: string): Promise<Identity | null> {
  const tokenHash = hashOf(token);
  const { rows } = await database.pool.query(
    `UPDATE api_token SET last_used_at = now() WHERE token_hash = $1 AND ${ALIVE} RETURNING name, role, patient_data`,
    [tokenHash],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const user = { name: row.name, displayName: row.name, role: row.role, kind: 'token' } as const;
  return { user, maySeePatients: row.patient_data, session: null, tokenHash };
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

/** The token is of no use from now on. @throws IchorError INPUT_UNUSABLE for an unknown or revoked one */
export async function revokeToken(database: Database, name: string): Promise<void> {
  const { rowCount } = await database.pool.query(
    'UPDATE api_token SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL',
    [name],
  );
  if (rowCount === 0) throw unusable(name, 'there is no such token in use; `ichor token list` names them');
}

const unusable = (path: string, reason: string): IchorError => new IchorError('INPUT_UNUSABLE', { path, reason });
