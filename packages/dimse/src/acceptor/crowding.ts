/** Who must go so that a new connection has a place. Pure. */

/** A connection without an established association: not called yet, in its TLS handshake, or closing. */
export type Unassociated = { readonly remoteAddress: string };

export type CrowdingLimits = { readonly perAddress: number; readonly total: number };

/**
 * One host cannot lock out the others, nor itself for long: the oldest connection of an address that has too many goes, or the
 * oldest of the address with the most when all together are too many.
 * @param connections the oldest first, without the new one. @param remoteAddress of the new one
 */
export function whoMustGo<T extends Unassociated>(
  connections: readonly T[],
  remoteAddress: string,
  { perAddress, total }: CrowdingLimits,
): T | null {
  const byAddress = Map.groupBy(connections, (one) => one.remoteAddress);
  const same = byAddress.get(remoteAddress) ?? [];
  if (same.length >= perAddress) return same[0]!;
  if (connections.length < total) return null;
  return [...byAddress.values()].reduce((most, group) => (group.length > most.length ? group : most))[0]!;
}
