/** Single sign-ons under way, in PostgreSQL so that any process can take the browser back. Each is good once, for ten minutes. */
import type { Database } from '@ichor/store/postgres/database';
import type { OidcRequest } from './oidc.ts';
import { hashOf } from './secrets.ts';

/** @param returnTo path of the page that the person wanted */
export async function keepRequest(database: Database, request: OidcRequest, returnTo: string): Promise<void> {
  await database.pool.query(
    'INSERT INTO oidc_request (state_hash, nonce, code_verifier, return_to) VALUES ($1, $2, $3, $4)',
    [hashOf(request.state), request.nonce, request.codeVerifier, returnTo],
  );
}

/** Takes the request away; null when it is unknown, too old, or was taken before. */
export async function takeRequest(
  database: Database,
  state: string,
): Promise<{ readonly request: OidcRequest; readonly returnTo: string } | null> {
  const { rows } = await database.pool.query(
    `DELETE FROM oidc_request WHERE state_hash = $1
     RETURNING nonce, code_verifier, return_to, created_at > now() - interval '10 minutes' AS fresh`,
    [hashOf(state)],
  );
  const row = rows[0];
  if (!row?.fresh) return null;
  return { request: { state, nonce: row.nonce, codeVerifier: row.code_verifier }, returnTo: row.return_to };
}
