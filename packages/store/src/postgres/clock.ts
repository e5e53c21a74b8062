/**
 * A database's clock may be set back. A stored time that lies further ahead than Ichor ever writes was written before that:
 * it counts as now, so that nothing waits until the clock has caught up.
 */
import type { DatabaseClient } from './database.ts';

/** Transactions that run beside each other see times a little ahead of their own. */
export const CLOCK_SLACK_MS = 10_000;

/** The time now, beyond the start of the transaction. @returns ms since 1970 */
export async function clockMs(client: DatabaseClient): Promise<number> {
  const { rows } = await client.query('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms');
  return rows[0].ms;
}
