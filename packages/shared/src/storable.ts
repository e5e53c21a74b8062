/**
 * Values on their way into PostgreSQL, which refuses a text with NUL and with half a surrogate pair, as text and as `jsonb`. Peers,
 * people and files send both; a row must not be lost for it. The database's own wrapper passes every parameter through here,
 * so that no statement can forget it. Pure.
 */

/** What a statement may be given. JSON goes through {@link jsonb}, never as text that a caller made. */
export type Parameter =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | Uint8Array
  | Jsonb
  | readonly Parameter[];

/** A value for a `jsonb` column. */
export type Jsonb = { readonly toPostgres: () => string };

/** NUL is left out, half a surrogate pair becomes U+FFFD; every other character stays. */
export const storableText = (text: string): string => text.replaceAll('\0', '').toWellFormed();

/** A parameter as PostgreSQL takes it. */
export function storable(value: Parameter): unknown {
  if (typeof value === 'string') return storableText(value);
  return Array.isArray(value) ? value.map(storable) : value;
}

/** SQL's NULL for null. */
export const jsonb = (value: unknown): Jsonb | null =>
  value === null || value === undefined ? null : { toPostgres: () => JSON.stringify(value, storableJson) };

function storableJson(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [storableText(key), one]));
}
