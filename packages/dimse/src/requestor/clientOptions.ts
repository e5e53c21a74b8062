/** Time limits and TLS of an association that we open. */
import { readFileSync } from 'node:fs';
import { TLS_POLICY } from '@ichor/settings/tlsPolicy';
import type { Caller, Peer } from './peer.ts';

export const CONNECT_TIMEOUT_MS = 15_000;
const RESPONSE_TIMEOUT_MS = 120_000;

/** For the client of the library. */
export function optionsFor(peer: Peer, { tls, timeoutMs = RESPONSE_TIMEOUT_MS }: Caller) {
  const timeouts = {
    connectTimeout: timeoutMs + 5_000,
    associationTimeout: CONNECT_TIMEOUT_MS,
    pduTimeout: timeoutMs,
  };
  if (!peer.tls) return timeouts;
  const pem = (path: string | null | undefined) => (path ? { pem: readFileSync(path) } : null);
  const [key, cert, ca] = [pem(tls?.keyPath), pem(tls?.certPath), pem(tls?.caPath)];
  return {
    ...timeouts,
    securityOptions: {
      ...TLS_POLICY,
      ...(key && { key: key.pem }),
      ...(cert && { cert: cert.pem }),
      ...(ca && { ca: ca.pem }),
      rejectUnauthorized: true,
    },
  };
}
