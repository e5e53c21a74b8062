/**
 * Requests that other sites make a browser send (CSRF), and names that other sites point at us (DNS rebinding).
 * Cookies are SameSite=Lax; on top, a request that changes something must come from a page of ours.
 */

import { isLoopback } from '@ichor/settings/signInSettings';
import { IchorError } from '@ichor/shared/errors';
import type { FastifyRequest } from 'fastify';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** @param publicUrl origin that browsers see, null where they see the address itself @throws IchorError CROSS_SITE_REFUSED */
export function checkOrigin(request: FastifyRequest, publicUrl: string | null): void {
  if (SAFE.has(request.method) || request.identity?.tokenHash) return;
  const { origin, 'sec-fetch-site': site } = request.headers;
  const own = [publicUrl, `${request.protocol}://${request.host}`];
  const fromHere = origin === undefined ? site === 'same-origin' : own.includes(origin);
  /** A browser always names the origin of a POST; a program without a session has nothing that could be misused. */
  const noBrowser = origin === undefined && site === undefined && !request.identity?.session;
  if (!fromHere && !noBrowser)
    throw new IchorError('CROSS_SITE_REFUSED', { origin: `origin ${origin ?? 'not given'}` });
}

/** Without sign-in only names of this machine count. @throws IchorError HOST_REFUSED */
export function checkLoopbackHost(request: FastifyRequest): void {
  if (!isLoopback(request.hostname)) throw new IchorError('HOST_REFUSED', { host: request.hostname });
}
