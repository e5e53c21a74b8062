/** What the settings of sign-in and audit mean: roles, groups that map to them, the syslog collector. */
import { itemsOf } from './readers.ts';

/** From least to most: each may do what those before it may. */
export const ROLES = ['viewer', 'radiologist', 'administrator'] as const;
export type Role = (typeof ROLES)[number];

/** Where DICOM audit messages go (PS3.15 A.6): syslog over TLS (RFC 5425), UDP (RFC 5426) or TCP (RFC 6587). */
export type SyslogCollector = {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
};

export const isRole = (text: unknown): text is Role => ROLES.includes(text as Role);

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|\[::1\])$/i.test(host);
}

/** `group=role,…` @throws Error naming the entry that cannot be read */
export function parseOidcRoles(text: string): ReadonlyMap<string, Role> {
  return new Map(itemsOf(text).map(parseMapping));
}

/** The group may hold `=` itself, as a distinguished name does. */
function parseMapping(entry: string): [string, Role] {
  const at = entry.lastIndexOf('=');
  const [group, role] = [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
  if (at > 0 && group !== '' && isRole(role)) return [group, role];
  throw new Error(`"${entry}" must be group=role with one of the roles ${ROLES.join(', ')}`);
}

/** `udp|tcp|tls://host:port` @throws Error */
export function parseCollector(text: string): SyslogCollector {
  const [, transport, host, port] = /^(udp|tcp|tls):\/\/(\[[0-9a-f:.]+\]|[^\s:/]+):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (transport === undefined || host === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new Error(`must be udp://host:port, tcp://host:port or tls://host:port, not "${text}"`);
  return {
    transport: transport.toLowerCase() as SyslogCollector['transport'],
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
  };
}
