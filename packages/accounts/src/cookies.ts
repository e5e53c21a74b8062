/** Our two cookies. `__Host-` (RFC 6265bis §4.1.3.2) ties a cookie to this host over TLS; plain names on http. */
import type { FastifyReply, FastifyRequest } from 'fastify';

export type Cookie = 'ichor_session' | 'ichor_oidc';

const nameOf = (cookie: Cookie, secure: boolean): string => (secure ? `__Host-${cookie}` : cookie);

/** The value, or null. Only base64url values are ours. */
export function readCookie(request: FastifyRequest, cookie: Cookie, secure: boolean): string | null {
  const prefix = `${nameOf(cookie, secure)}=`;
  const found = (request.headers.cookie ?? '').split(';').find((part) => part.trim().startsWith(prefix));
  const value = found?.trim().slice(prefix.length) ?? '';
  return /^[\w-]{20,100}$/.test(value) ? value : null;
}

/** @param maxAgeSeconds 0 removes the cookie; null keeps it until the browser ends */
export function writeCookie(
  reply: FastifyReply,
  cookie: Cookie,
  value: string,
  { secure, maxAgeSeconds }: { readonly secure: boolean; readonly maxAgeSeconds: number | null },
): void {
  const parts = [`${nameOf(cookie, secure)}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Lax'];
  if (secure) parts.push('Secure');
  if (maxAgeSeconds !== null) parts.push(`Max-Age=${maxAgeSeconds}`);
  const earlier = [reply.getHeader('set-cookie') ?? []].flat().map(String);
  reply.header('set-cookie', [...earlier, parts.join('; ')]);
}
