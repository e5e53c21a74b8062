/** Studies whose times were written before the database's clock was set back. */
import { CLOCK_SLACK_MS } from '@ichor/store/postgres/clock';
import type { Database } from '@ichor/store/postgres/database';

/** Times of open studies that lie further ahead than any arrival or sign of life writes them count as now. */
export async function bringBackStudies(database: Database, openAheadMs: number): Promise<void> {
  await database.pool.query(
    `UPDATE study SET last_instance_at = least(last_instance_at, now()), open_since = least(open_since, now()),
            association_open_until = least(association_open_until, now() + $1 * interval '1 millisecond')
      WHERE completion = 'open'
        AND (greatest(last_instance_at, open_since) > now() + $2 * interval '1 millisecond'
             OR association_open_until > now() + ($1 + $2) * interval '1 millisecond')`,
    [openAheadMs, CLOCK_SLACK_MS],
  );
}
