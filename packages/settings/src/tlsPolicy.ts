/**
 * TLS as BCP 195 (RFC 9325 §4.2) wants it, for connections that come and that go: TLS 1.3, and of TLS 1.2 only ephemeral keys
 * (ECDHE) with authenticated encryption. No static RSA, no CBC, no renegotiation of anything less.
 */
import tls from 'node:tls';

const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/** Options for every TLS server and client of ours. */
export const TLS_POLICY = { minVersion: 'TLSv1.2', ciphers: CIPHERS, honorCipherOrder: true } as const;

/** The same for what libraries open in this process (webhooks, mail, single sign-on, PostgreSQL, Redis). */
export function restrictTls(): void {
  tls.DEFAULT_MIN_VERSION = TLS_POLICY.minVersion;
  tls.DEFAULT_CIPHERS = TLS_POLICY.ciphers;
}
