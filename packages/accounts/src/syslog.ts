/**
 * Syslog as PS3.15 A.6 wants it: RFC 5424 messages over TLS (RFC 5425), UDP (RFC 5426) or TCP with counted octets
 * (RFC 6587 §3.4.1). Nothing in syslog acknowledges a message: over TCP and TLS the batch counts as taken when the
 * collector has closed after our FIN, or has kept quiet for a while without an error.
 */
import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SyslogCollector } from '@ichor/settings/signInSettings';
import { TLS_POLICY } from '@ichor/settings/tlsPolicy';

const TIMEOUT_MS = 10_000;
const QUIET_MS = 1_000;
/** Facility 10 (security/authorization), severity 5 (notice). */
const PRIORITY = 85;

/** @param at when it happened, ISO 8601 */
export function syslogMessage(xml: string, at: string, hostName: string, processId: number): Buffer {
  return Buffer.from(`<${PRIORITY}>1 ${at} ${hostName} ichor ${processId} DICOM+RFC3881 - \ufeff${xml}`);
}

/** Hands over every message, in order. @throws Error when the collector is away or the connection breaks */
export function sendSyslog(
  collector: SyslogCollector,
  messages: readonly Buffer[],
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  return collector.transport === 'udp'
    ? sendDatagrams(collector, messages)
    : sendStream(collector, messages, timeoutMs);
}

/** Connected, so that a port where nobody listens is noticed on the way (ICMP). */
async function sendDatagrams({ host, port }: SyslogCollector, messages: readonly Buffer[]): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    const failed = new Promise<never>((_resolve, reject) => socket.once('error', reject));
    failed.catch(() => {});
    await Promise.race([failed, new Promise<void>((resolve) => socket.connect(port, host, resolve))]);
    for (const message of messages)
      await Promise.race([
        failed,
        new Promise<void>((resolve, reject) => socket.send(message, (error) => (error ? reject(error) : resolve()))),
      ]);
    await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 50))]);
  } finally {
    socket.close();
  }
}

function sendStream(
  { transport, host, port }: SyslogCollector,
  messages: readonly Buffer[],
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = transport === 'tls' ? connectTls({ ...TLS_POLICY, host, port }) : connectTcp({ host, port });
    /** Of the whole batch: what the collector sends meanwhile is no progress. */
    const timer = setTimeout(() => socket.destroy(new Error(`not taken within ${timeoutMs} ms`)), timeoutMs);
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once(transport === 'tls' ? 'secureConnect' : 'connect', () => {
      for (const message of messages) socket.write(Buffer.concat([Buffer.from(`${message.length} `), message]));
      socket.end(() => setTimeout(() => socket.destroy(), QUIET_MS).unref());
    });
    socket.resume();
  });
}
