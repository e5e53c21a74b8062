/** The table `sign_in_attempt`: failures in a row by key, and how long the key is locked. */
import type { Database, DatabaseClient } from '../postgres/database.ts';

/** Locks the rows of the keys, in one order always. @returns for each key how long it stays locked, ms; 0: it is not */
export async function lockAttempts(client: DatabaseClient, keys: readonly string[]): Promise<Map<string, number>> {
  for (const key of keys)
    await client.query('INSERT INTO sign_in_attempt (key) VALUES ($1) ON CONFLICT DO NOTHING', [key]);
  const { rows } = await client.query(
    `SELECT key, extract(epoch FROM greatest(locked_until, now()) - now())::float8 * 1000 AS wait_ms
       FROM sign_in_attempt WHERE key = ANY ($1) ORDER BY key FOR UPDATE`,
    [keys],
  );
  return new Map(rows.map((row) => [row.key, row.wait_ms]));
}

/** A day without a failure forgets those before. @returns how many there are in a row now */
export async function countFailure(client: DatabaseClient, key: string): Promise<number> {
  const { rows } = await client.query(
    `UPDATE sign_in_attempt SET failures = CASE WHEN last_at < now() - interval '1 day' THEN 1 ELSE failures + 1 END,
            last_at = now() WHERE key = $1 RETURNING failures`,
    [key],
  );
  return rows[0].failures;
}

export async function lockKey(client: DatabaseClient, key: string, ms: number): Promise<void> {
  await client.query(
    "UPDATE sign_in_attempt SET locked_until = now() + $2 * interval '1 millisecond', last_at = now() WHERE key = $1",
    [key, ms],
  );
}

/** Takes away every failure of `forgotten`, and one of `relieved`. */
export async function forgiveFailures(
  database: Database,
  forgotten: readonly string[],
  relieved: string,
): Promise<void> {
  await database.pool.query(
    `WITH gone AS (DELETE FROM sign_in_attempt WHERE key = ANY ($1))
     UPDATE sign_in_attempt SET failures = greatest(failures - 1, 0), locked_until = '-infinity' WHERE key = $2`,
    [forgotten, relieved],
  );
}

export async function deleteOldAttempts(database: Database): Promise<void> {
  await database.pool.query("DELETE FROM sign_in_attempt WHERE last_at < now() - interval '1 day'");
}
