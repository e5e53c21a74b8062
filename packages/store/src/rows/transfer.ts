/** The tables `transfer` and `released_series`: associations that sent CT slices, and which series a release stands for (docs/adr/0015). */
import { CLOCK_SLACK_MS } from '../postgres/clock.ts';
import type { DatabaseClient } from '../postgres/database.ts';

export type Transfer = {
  readonly transferId: string;
  readonly openedAtMs: number;
  /** Series that got a CT slice → their study. */
  readonly series: ReadonlyMap<string, string>;
  /** Null while it is open. */
  readonly ended: { readonly atMs: number; readonly released: boolean } | null;
};

export type BrokenSeries = { readonly studyInstanceUid: string; readonly seriesInstanceUid: string };

/** Series of each transfer → their studies. */
export const studiesOf = ({ series }: Pick<Transfer, 'series'>): string[] => [...series.values()];

/** Which of these show signs of life. */
export async function aliveAmong(
  client: DatabaseClient,
  found: readonly Pick<Transfer, 'transferId'>[],
): Promise<Set<string>> {
  const { rows } = await client.query(
    `SELECT DISTINCT transfer_id FROM transfer WHERE transfer_id = ANY($1) AND ended_at IS NULL
        AND abs(extract(epoch FROM now() - seen_at)) < 2`,
    [found.map((one) => one.transferId)],
  );
  return new Set(rows.map((row) => row.transfer_id));
}

/** A sign of life of open transfers. */
export async function renewTransfers(
  client: DatabaseClient,
  open: readonly Transfer[],
  offsetMs: number,
): Promise<void> {
  if (open.length === 0) return;
  await client.query(
    `INSERT INTO transfer (transfer_id, series_instance_uid, study_instance_uid, opened_at, seen_at)
     SELECT id, series, study, to_timestamp(opened / 1000), clock_timestamp() FROM ${SERIES}
     ON CONFLICT (transfer_id, series_instance_uid) DO UPDATE SET seen_at = excluded.seen_at, ended_at = NULL`,
    seriesColumns(open, offsetMs),
  );
}

/** Rows that the process did not come to write. */
export async function breakOffUnknown(
  client: DatabaseClient,
  broken: readonly Transfer[],
  offsetMs: number,
): Promise<BrokenSeries[]> {
  if (broken.length === 0) return [];
  const { rows } = await client.query(
    `INSERT INTO transfer (transfer_id, series_instance_uid, study_instance_uid, opened_at, seen_at, ended_at)
     SELECT id, series, study, to_timestamp(opened / 1000), to_timestamp(ended / 1000), to_timestamp(ended / 1000) FROM ${SERIES}
     ON CONFLICT DO NOTHING RETURNING study_instance_uid, series_instance_uid`,
    seriesColumns(broken, offsetMs),
  );
  return rows.map(brokenSeries);
}

/** A series to which nothing had come for the maximum age counts as whole: its study was given up waiting for then. */
export async function breakOff(
  client: DatabaseClient,
  broken: readonly Transfer[],
  offsetMs: number,
  maxAgeMs: number,
): Promise<void> {
  if (broken.length === 0) return;
  await client.query('DELETE FROM transfer WHERE transfer_id = ANY($1)', [broken.map((one) => one.transferId)]);
  await client.query(
    `INSERT INTO transfer (transfer_id, series_instance_uid, study_instance_uid, opened_at, seen_at, ended_at)
     SELECT id, series, study, to_timestamp(opened / 1000), to_timestamp(ended / 1000), to_timestamp(ended / 1000) FROM ${SERIES}
      WHERE NOT EXISTS (SELECT FROM series s WHERE s.series_instance_uid = t.series
                           AND s.last_instance_at <= to_timestamp(t.ended / 1000) - $6 * interval '1 millisecond')`,
    [...seriesColumns(broken, offsetMs), maxAgeMs],
  );
}

/** They end with a release, which stands for what broke off before. */
export async function release(client: DatabaseClient, released: readonly Transfer[], offsetMs: number): Promise<void> {
  if (released.length === 0) return;
  await client.query(
    `INSERT INTO released_series AS r (series_instance_uid, opened_at)
     SELECT series, max(to_timestamp(opened / 1000)) FROM ${SERIES} WHERE ended IS NOT NULL GROUP BY series ORDER BY series
     ON CONFLICT (series_instance_uid) DO UPDATE SET opened_at = greatest(r.opened_at, excluded.opened_at)`,
    seriesColumns(released, offsetMs),
  );
  await client.query('DELETE FROM transfer WHERE transfer_id = ANY($1)', [released.map((one) => one.transferId)]);
}

/** Rows that a release stands for. */
export async function forgetStoodFor(client: DatabaseClient): Promise<void> {
  await client.query(
    `DELETE FROM transfer t USING released_series r
      WHERE r.series_instance_uid = t.series_instance_uid AND coalesce(t.ended_at, t.seen_at) <= r.opened_at
        AND (t.ended_at IS NOT NULL OR t.seen_at < now() - $1 * interval '1 millisecond')`,
    [CLOCK_SLACK_MS],
  );
}

/** Transfers of receivers that ended without a word. The two seconds of the view `broken_transfer` are for results. */
export async function endSilent(client: DatabaseClient): Promise<BrokenSeries[]> {
  const { rows } = await client.query(
    `UPDATE transfer SET ended_at = least(seen_at, now())
      WHERE ended_at IS NULL AND abs(extract(epoch FROM now() - seen_at)) * 1000 > $1
     RETURNING study_instance_uid, series_instance_uid`,
    [CLOCK_SLACK_MS],
  );
  return rows.map(brokenSeries);
}

/** Ends of series of these studies to which nothing had come for the maximum age: they count as whole. */
export async function forgetWhole(client: DatabaseClient, studies: readonly string[], maxAgeMs: number): Promise<void> {
  await client.query(
    `DELETE FROM transfer t USING series s
      WHERE t.study_instance_uid = ANY($1) AND t.ended_at IS NOT NULL AND s.series_instance_uid = t.series_instance_uid
        AND s.last_instance_at <= t.ended_at - $2 * interval '1 millisecond'`,
    [studies, maxAgeMs],
  );
}

/** One row per series of each transfer, as the columns of {@link SERIES}. */
function seriesColumns(transfers: readonly Transfer[], offsetMs: number) {
  const rows = transfers.flatMap((transfer) =>
    [...transfer.series].map(([series, study]) => ({ ...transfer, seriesUid: series, study })),
  );
  return [
    rows.map((row) => row.transferId),
    rows.map((row) => row.seriesUid),
    rows.map((row) => row.study),
    rows.map((row) => row.openedAtMs + offsetMs),
    rows.map((row) => (row.ended === null ? null : row.ended.atMs + offsetMs)),
  ];
}

const SERIES =
  'unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[]) AS t(id, series, study, opened, ended)';

const brokenSeries = (row: { study_instance_uid: string; series_instance_uid: string }): BrokenSeries => ({
  studyInstanceUid: row.study_instance_uid,
  seriesInstanceUid: row.series_instance_uid,
});
