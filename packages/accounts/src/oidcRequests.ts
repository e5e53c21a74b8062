/** Single sign-ons under way, in PostgreSQL so that any process can take the browser back. Each is good once, for ten minutes. */
import type { Database } from '@ichor/store/postgres/database';
import { insertOidcRequest, takeOidcRequest } from '@ichor/store/rows/oidcRequest';
import type { OidcRequest } from './oidc.ts';
import { hashOf } from './secrets.ts';

/** @param returnTo path of the page that the person wanted */
export function keepRequest(database: Database, request: OidcRequest, returnTo: string): Promise<void> {
  const { state, nonce, codeVerifier } = request;
  return insertOidcRequest(database, hashOf(state), { nonce, codeVerifier, returnTo });
}

/** Takes the request away; null when it is unknown, too old, or was taken before. */
export async function takeRequest(
  database: Database,
  state: string,
): Promise<{ readonly request: OidcRequest; readonly returnTo: string } | null> {
  const kept = await takeOidcRequest(database, hashOf(state));
  if (kept === null) return null;
  const { returnTo, ...rest } = kept;
  return { request: { state, ...rest }, returnTo };
}
