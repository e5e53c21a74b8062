/** Whether a database will do: a PostgreSQL that is new enough, and a schema that this version of Ichor knows. */
import { readdir } from 'node:fs/promises';
import { parse } from 'node:path';
import { IchorError } from '@ichor/shared/errors';

type Client = { query(text: string): Promise<{ rows: Record<string, unknown>[] }> };

/** The oldest PostgreSQL that the tests run on (Debian 12). */
export const OLDEST_POSTGRES = 15;

/** @returns e.g. `15.18`. @throws IchorError DATABASE_TOO_OLD */
export async function checkServerVersion(client: Client): Promise<string> {
  const { rows } = await client.query(
    "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version",
  );
  const { number, version } = rows[0] as { number: number; version: string };
  const found = version.split(' ')[0]!;
  if (number < OLDEST_POSTGRES * 10_000) throw new IchorError('DATABASE_TOO_OLD', { found, needed: OLDEST_POSTGRES });
  return found;
}

/** A later version may have changed what a column means: an older one must not write there. @throws IchorError SCHEMA_TOO_NEW */
export async function checkSchemaIsKnown(client: Client, migrationsFolder: string): Promise<void> {
  const { rows } = await client.query("SELECT to_regclass('migration') IS NOT NULL AS migrated");
  if (rows[0]?.['migrated'] !== true) return;
  const known = new Set((await readdir(migrationsFolder)).map((file) => parse(file).name));
  const applied = await client.query('SELECT name FROM migration ORDER BY id');
  const unknown = applied.rows.map(({ name }) => String(name)).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new IchorError('SCHEMA_TOO_NEW', { migrations: unknown.join(', ') });
}
