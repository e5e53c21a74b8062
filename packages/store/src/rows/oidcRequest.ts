/** The table `oidc_request`: single sign-ons under way, by the hash of their state. One statement per function. */
import type { Database } from '../postgres/database.ts';

export type KeptRequest = { readonly nonce: string; readonly codeVerifier: string; readonly returnTo: string };

export async function insertOidcRequest(database: Database, stateHash: Buffer, kept: KeptRequest): Promise<void> {
  await database.pool.query(
    'INSERT INTO oidc_request (state_hash, nonce, code_verifier, return_to) VALUES ($1, $2, $3, $4)',
    [stateHash, kept.nonce, kept.codeVerifier, kept.returnTo],
  );
}

/** Removes it: it is good once. Null when it is unknown, older than ten minutes, or was taken before. */
export async function takeOidcRequest(database: Database, stateHash: Buffer): Promise<KeptRequest | null> {
  const { rows } = await database.pool.query(
    `DELETE FROM oidc_request WHERE state_hash = $1
     RETURNING nonce, code_verifier, return_to, created_at > now() - interval '10 minutes' AS fresh`,
    [stateHash],
  );
  const row = rows[0];
  if (!row?.fresh) return null;
  return { nonce: row.nonce, codeVerifier: row.code_verifier, returnTo: row.return_to };
}

export async function deleteOldOidcRequests(database: Database): Promise<void> {
  await database.pool.query("DELETE FROM oidc_request WHERE created_at < now() - interval '1 hour'");
}
