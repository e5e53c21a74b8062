/**
 * Limits on guessing, in the database so that they hold over processes and restarts.
 *
 * A try counts as a failure before the password is looked at, so that tries at the same moment cannot slip through;
 * success takes the count away. From the threshold on each failure locks its key: 30 s, 60 s, … at most 15 minutes.
 * The pair of user and address locks first: somebody else's guesses hardly lock out the user elsewhere.
 */
import { backOffMs } from '@ichor/shared/backOff';
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';
import { countFailure, forgiveFailures, lockAttempts, lockKey } from '@ichor/store/rows/signInAttempt';

const FIRST_LOCK_MS = 30_000;
const LONGEST_LOCK_MS = 900_000;
const THRESHOLDS = { pair: 5, user: 25, address: 50 };

/** Counts a try. @returns seconds to wait when it may not be made, else null */
export function takeAttempt(database: Database, user: string, address: string): Promise<number | null> {
  const keys = keysOf(user, address);
  return database.transaction(async (client) => {
    const waitMs = await longestWaitMs(
      client,
      keys.map(([key]) => key),
    );
    if (waitMs > 0) return Math.ceil(waitMs / 1_000);
    for (const [key, threshold] of keys) await burden(client, key, threshold);
    return null;
  });
}

/** The one who tried was right: the failures of user and pair are forgotten, and this try does not burden the address. */
export function forgiveAttempts(database: Database, user: string, address: string): Promise<void> {
  return forgiveFailures(database, [`pair ${user} ${address}`, `user ${user}`], `address ${address}`);
}

/** In one order always, so that two transactions do not wait for each other. */
const keysOf = (user: string, address: string): [key: string, threshold: number][] => [
  [`address ${address}`, THRESHOLDS.address],
  [`pair ${user} ${address}`, THRESHOLDS.pair],
  [`user ${user}`, THRESHOLDS.user],
];

/** A lock longer than any was made before the database's clock was set back: it is shortened. */
async function longestWaitMs(client: DatabaseClient, keys: readonly string[]): Promise<number> {
  const waits = await lockAttempts(client, keys);
  for (const [key, ms] of waits) if (ms > LONGEST_LOCK_MS) await lockKey(client, key, LONGEST_LOCK_MS);
  return Math.min(LONGEST_LOCK_MS, Math.max(...waits.values()));
}

async function burden(client: DatabaseClient, key: string, threshold: number): Promise<void> {
  const beyond = (await countFailure(client, key)) - threshold;
  if (beyond >= 0) await lockKey(client, key, backOffMs(FIRST_LOCK_MS, beyond, LONGEST_LOCK_MS));
}
