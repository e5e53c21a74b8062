/** Who is sent results: HL7 v2 receivers, webhooks, mail. */
import { itemsOf } from './readers.ts';

export const NOTIFICATION_KINDS = ['hl7', 'webhook', 'mail'] as const;
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];
/** One destination of one kind. `destination` is its name in rows and logs: no secret, no patient data. */
export type NotificationLane = { readonly kind: NotificationKind; readonly destination: string };

/** An HL7 v2 receiver (MLLP). `app` and `facility` are MSH-5 and MSH-6. */
export type Hl7Destination = {
  /** `host:port` */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM file of the CA that signed the receiver's certificate; null: those of the system. */
  readonly caPath: string | null;
  readonly app: string;
  readonly facility: string;
};

/** `name` is the address without its query, which may hold a key. */
export type Webhook = { readonly name: string; readonly url: string };

/** `host:port[?tls=on&ca=FILE&app=…&facility=…],…` @throws Error with the part that is wrong */
export function parseHl7Destinations(text: string): readonly Hl7Destination[] {
  const destinations = itemsOf(text).map(parseHl7Destination);
  refuseTwins(destinations);
  return destinations;
}

function parseHl7Destination(part: string): Hl7Destination {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:?@/\s]+):(\d+)(?:\?(.*))?$/.exec(part);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65535) throw new Error(`"${part}" must be host:port with a port from 1 to 65535`);
  const options = new URLSearchParams(match[3] ?? '');
  const unknown = [...options.keys()].filter((name) => !['tls', 'ca', 'app', 'facility'].includes(name));
  if (unknown.length > 0) throw new Error(`"${part}" has the unknown option ${unknown.join(', ')}`);
  const tls = options.get('tls') ?? 'off';
  if (tls !== 'on' && tls !== 'off') throw new Error(`"${part}": tls must be on or off`);
  if (options.has('ca') && tls === 'off') throw new Error(`"${part}": ca needs tls=on`);
  return {
    name: `${match[1]}:${port}`,
    host: match[1]!.replace(/^\[|\]$/g, ''),
    port,
    tls: tls === 'on',
    caPath: options.get('ca'),
    app: options.get('app') ?? '',
    facility: options.get('facility') ?? '',
  };
}

/** `https://…,…`; plain http only on this machine. @throws Error with the part that is wrong */
export function parseWebhooks(text: string): readonly Webhook[] {
  const webhooks = itemsOf(text).map((part) => {
    const address = URL.parse(part);
    const here = address !== null && /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(address.hostname);
    if (address === null || (address.protocol !== 'https:' && !(address.protocol === 'http:' && here)))
      throw new Error(`"${redacted(part)}" must be https://…, or http:// on this machine`);
    if (address.username !== '' || address.password !== '')
      throw new Error(`"${redacted(part)}" must not hold a password; receivers check Ichor-Signature`);
    return { name: address.origin + address.pathname, url: address.href };
  });
  refuseTwins(webhooks);
  return webhooks;
}

/** Without what may be secret. */
const redacted = (part: string): string => part.replace(/\?.*$/, '?…').replace(/\/\/[^/]*@/, '//…@');

function refuseTwins(destinations: readonly { readonly name: string }[]): void {
  const names = destinations.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new Error(`names ${twice} twice`);
}
