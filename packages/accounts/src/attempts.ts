/**
 * Limits on guessing, in the database so that they hold over processes and restarts.
 *
 * A try counts as a failure before the password is looked at, so that tries at the same moment cannot slip through;
 * success takes the count away. From the threshold on each failure locks its key: 30 s, 60 s, … at most 15 minutes.
 * The pair of user and address locks first: somebody else's guesses hardly lock out the user elsewhere.
 */
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';

const FIRST_LOCK_SECONDS = 30;
const LONGEST_LOCK_SECONDS = 900;
const THRESHOLDS = { pair: 5, user: 25, address: 50 };

/** Seconds that a key stays locked after so many failures in a row; 0: not at all. */
export function lockSeconds(failures: number, threshold: number): number {
  if (failures < threshold) return 0;
  return Math.min(LONGEST_LOCK_SECONDS, FIRST_LOCK_SECONDS * 2 ** Math.min(failures - threshold, 10));
}

/** Counts a try. @returns seconds to wait when it may not be made, else null */
export function takeAttempt(database: Database, user: string, address: string): Promise<number | null> {
  const keys = keysOf(user, address);
  return database.transaction(async (client) => {
    const wait = await longestWait(
      client,
      keys.map(([key]) => key),
    );
    if (wait > 0) return wait;
    for (const [key, threshold] of keys) await countFailure(client, key, threshold);
    return null;
  });
}

/** The one who tried was right: the failures of user and pair are forgotten, and this try does not burden the address. */
export async function forgiveAttempts(database: Database, user: string, address: string): Promise<void> {
  await database.pool.query(
    `WITH gone AS (DELETE FROM sign_in_attempt WHERE key = ANY ($1))
     UPDATE sign_in_attempt SET failures = greatest(failures - 1, 0), locked_until = '-infinity' WHERE key = $2`,
    [[`pair ${user} ${address}`, `user ${user}`], `address ${address}`],
  );
}

/** In one order always, so that two transactions do not wait for each other. */
const keysOf = (user: string, address: string): [key: string, threshold: number][] => [
  [`address ${address}`, THRESHOLDS.address],
  [`pair ${user} ${address}`, THRESHOLDS.pair],
  [`user ${user}`, THRESHOLDS.user],
];

async function longestWait(client: DatabaseClient, keys: readonly string[]): Promise<number> {
  for (const key of keys)
    await client.query('INSERT INTO sign_in_attempt (key) VALUES ($1) ON CONFLICT DO NOTHING', [key]);
  const { rows } = await client.query(
    `SELECT key, extract(epoch FROM greatest(locked_until, now()) - now())::float8 AS seconds
       FROM sign_in_attempt WHERE key = ANY ($1) ORDER BY key FOR UPDATE`,
    [keys],
  );
  for (const { key } of rows.filter(({ seconds }) => seconds > LONGEST_LOCK_SECONDS)) await shorten(client, key);
  return Math.ceil(Math.min(LONGEST_LOCK_SECONDS, Math.max(...rows.map(({ seconds }) => seconds))));
}

/** A lock longer than any was made before the database's clock was set back. */
async function shorten(client: DatabaseClient, key: string): Promise<void> {
  await client.query(
    "UPDATE sign_in_attempt SET locked_until = now() + $2 * interval '1 second', last_at = now() WHERE key = $1",
    [key, LONGEST_LOCK_SECONDS],
  );
}

async function countFailure(client: DatabaseClient, key: string, threshold: number): Promise<void> {
  const { rows } = await client.query(
    `UPDATE sign_in_attempt SET failures = CASE WHEN last_at < now() - interval '1 day' THEN 1 ELSE failures + 1 END,
            last_at = now() WHERE key = $1 RETURNING failures`,
    [key],
  );
  const seconds = lockSeconds(rows[0].failures, threshold);
  if (seconds > 0)
    await client.query(`UPDATE sign_in_attempt SET locked_until = now() + $2 * interval '1 second' WHERE key = $1`, [
      key,
      seconds,
    ]);
}
