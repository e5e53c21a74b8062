/** Application entities in the configuration: who may call us, and where results go. */
import { itemsOf } from './readers.ts';

/** An allowed calling AE title; `address` restricts it to one peer address. */
export type Caller = { readonly aeTitle: string; readonly address: string | null };

/** Where reports and heat maps go, and what is special there. */
export type Destination = {
  readonly aeTitle: string;
  readonly host: string;
  readonly port: number;
  /** SOP Class of the report: Comprehensive 3D SR (default) or Comprehensive SR. */
  readonly sr: 'comprehensive-3d' | 'comprehensive';
  /** Document title of the report: `triage`, which viewers show as text, or `measurement` (126000, DCM), see ADR 0008. */
  readonly title: 'triage' | 'measurement';
  readonly heatmaps: boolean;
  /** Ask for storage commitment when the destination offers it. */
  readonly commitment: boolean;
  readonly tls: boolean;
};

/** `AET[@address],…` @throws Error with the part that is wrong */
export function parseCallers(text: string): readonly Caller[] {
  return itemsOf(text).map((part) => {
    const [aeTitle = '', address = null] = part.split('@');
    return { aeTitle: checkedAeTitle(aeTitle, part), address };
  });
}

/** `AET@host:port[?sr=comprehensive&title=measurement&heatmaps=off&commitment=off&tls=on],…` @throws Error with the part that is wrong */
export function parseDestinations(text: string): readonly Destination[] {
  const destinations = itemsOf(text).map(parseDestination);
  const twice = destinations.find(
    (one, index) => destinations.findIndex((other) => other.aeTitle === one.aeTitle) < index,
  );
  if (twice) throw new Error(`names ${twice.aeTitle} twice`);
  return destinations;
}

function parseDestination(part: string): Destination {
  const match = /^([^@]+)@(\[[0-9a-fA-F:]+\]|[^:?@]+):(\d+)(?:\?(.*))?$/.exec(part);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535)
    throw new Error(`"${part}" must be AET@host:port with a port from 1 to 65535`);
  const options = new URLSearchParams(match[4] ?? '');
  const option = <T extends string>(name: string, values: readonly [T, ...T[]]): T => {
    const value = options.get(name) ?? values[0];
    options.delete(name);
    if (!values.includes(value as T)) throw new Error(`"${part}": ${name} must be ${values.join(' or ')}`);
    return value as T;
  };
  const destination = {
    aeTitle: checkedAeTitle(match[1]!, part),
    host: match[2]!.replace(/^\[|\]$/g, ''),
    port,
    sr: option('sr', ['comprehensive-3d', 'comprehensive']),
    title: option('title', ['triage', 'measurement']),
    heatmaps: option('heatmaps', ['on', 'off']) === 'on',
    commitment: option('commitment', ['on', 'off']) === 'on',
    tls: option('tls', ['off', 'on']) === 'on',
  };
  if (options.size > 0) throw new Error(`"${part}" has the unknown option ${[...options.keys()].join(', ')}`);
  return destination;
}

function checkedAeTitle(text: string, part: string): string {
  if (/^[\x20-\x5b\x5d-\x7e]{1,16}$/.test(text) && text.trim() !== '') return text.trim();
  throw new Error(`"${part}" must start with an AE title of 1 to 16 characters`);
}
