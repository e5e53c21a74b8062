/** The table `spool`: which spool this database belongs to; one row at most. */
import type { Database } from '../postgres/database.ts';

/** The identity of the spool that the database knows, if any, and whether it knows an instance. */
export async function knownSpool(
  database: Pick<Database, 'pool'>,
): Promise<{ readonly identity: string | null; readonly instances: boolean }> {
  const { rows } = await database.pool.query(
    'SELECT (SELECT identity FROM spool) AS identity, EXISTS (SELECT FROM instance) AS instances',
  );
  return rows[0];
}

/** The one that is there stays. */
export async function insertSpool(database: Pick<Database, 'pool'>, identity: string): Promise<void> {
  await database.pool.query('INSERT INTO spool (identity) VALUES ($1) ON CONFLICT DO NOTHING', [identity]);
}
