/**
 * The statements of what was lost (docs/adr/0015); each does one thing.
 *
 * Whoever changes what is known to be missing of a study locks its row first: the transaction that saves a result does so too, so
 * that either it sees the change, or the change sees the result and has it decided again.
 */

import type { Config } from '@ichor/settings/config';
import { CLOCK_SLACK_MS } from '@ichor/store/postgres/clock';
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';
import type { StoredInstance } from '../types.ts';
import type { LeftOver } from './transferJournal.ts';
import type { Arrivals, BrokenSeries, Loss, Transfer } from './transfers.ts';

/** `performance.now()` plus this is the time of the database's clock, in ms since 1970. */
export type ClockOffset = { ms: number };

/**
 * Writes signs of life, ends and losses in one transaction, and has the studies decided again whose answer that changes.
 * @param offset of the clock; kept as long as the database's clock goes on evenly, so that the order of events stays as it was
 */
export async function writeArrivals(
  database: Database,
  { open, ended, losses }: Arrivals,
  { maxAgeMs }: Pick<Config, 'maxAgeMs'>,
  offset: ClockOffset,
): Promise<void> {
  if (open.length + ended.length + losses.length === 0) return;
  await database.transaction(async (client) => {
    await followClock(client, offset);
    const [released, broken] = [ended.filter(wasReleased), ended.filter((one) => !wasReleased(one))];
    const touched = [...losses.map((loss) => loss.studyInstanceUid), ...ended.flatMap(studiesOf)];
    await lockStudies(client, touched);
    await renewTransfers(client, open, offset.ms);
    const incomplete = await insertLosses(client, losses, offset.ms);
    await breakOff(client, broken, offset.ms, maxAgeMs);
    await release(client, released, offset.ms);
    await reopenIncomplete(client, [...incomplete, ...broken.flatMap(studiesOf)]);
    await reopenWhole(client, released.flatMap(studiesOf));
  });
}

/**
 * What processes that ended have left in the journal: released ones are released now, the others broke off before `startedAtMs`.
 * @returns those of a process that shows signs of life, and the series that broke off unknown to the database
 */
export async function takeUpLeftOver(
  database: Database,
  found: readonly LeftOver[],
  startedAtMs: number,
  offset: ClockOffset,
): Promise<{ readonly alive: readonly LeftOver[]; readonly broken: readonly BrokenSeries[] }> {
  return database.transaction(async (client) => {
    await followClock(client, offset);
    await lockStudies(client, found.flatMap(studiesOf));
    const alive = await aliveAmong(client, found);
    const ended = (released: boolean): Transfer[] =>
      found
        .filter((one) => one.released === released && !alive.has(one.transferId))
        .map((one) => ({ ...one, ended: { atMs: startedAtMs, released } }));
    await release(client, ended(true), offset.ms);
    const broken = await breakOffUnknown(client, ended(false), offset.ms);
    await reopenIncomplete(client, ended(false).flatMap(studiesOf));
    await reopenWhole(client, ended(true).flatMap(studiesOf));
    return { alive: found.filter((one) => alive.has(one.transferId)), broken };
  });
}

async function aliveAmong(client: DatabaseClient, found: readonly LeftOver[]): Promise<Set<string>> {
  const { rows } = await client.query(
    `SELECT DISTINCT transfer_id FROM transfer WHERE transfer_id = ANY($1) AND ended_at IS NULL
        AND abs(extract(epoch FROM now() - seen_at)) < 2`,
    [found.map((one) => one.transferId)],
  );
  return new Set(rows.map((row) => row.transfer_id));
}

/** Rows that the process did not come to write. */
async function breakOffUnknown(
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

const wasReleased = ({ ended }: Transfer): boolean => ended?.released === true;
const studiesOf = ({ series }: Pick<Transfer, 'series'>): string[] => [...series.values()];

async function followClock(client: DatabaseClient, offset: ClockOffset): Promise<void> {
  const { rows } = await client.query('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms');
  const seen = rows[0].ms - performance.now();
  if (!(Math.abs(seen - offset.ms) <= CLOCK_SLACK_MS)) offset.ms = seen;
}

async function lockStudies(client: DatabaseClient, studies: readonly string[]): Promise<void> {
  await client.query('SELECT FROM study WHERE study_instance_uid = ANY($1) ORDER BY study_instance_uid FOR UPDATE', [
    studies,
  ]);
}

/** One row per series of each transfer, as columns. @param end what `ended_at` is taken from */
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

async function renewTransfers(client: DatabaseClient, open: readonly Transfer[], offsetMs: number): Promise<void> {
  if (open.length === 0) return;
  await client.query(
    `INSERT INTO transfer (transfer_id, series_instance_uid, study_instance_uid, opened_at, seen_at)
     SELECT id, series, study, to_timestamp(opened / 1000), clock_timestamp() FROM ${SERIES}
     ON CONFLICT (transfer_id, series_instance_uid) DO UPDATE SET seen_at = excluded.seen_at, ended_at = NULL`,
    seriesColumns(open, offsetMs),
  );
}

/** A series to which nothing had come for the maximum age counts as whole: its study was given up waiting for then. */
async function breakOff(
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

async function release(client: DatabaseClient, released: readonly Transfer[], offsetMs: number): Promise<void> {
  if (released.length === 0) return;
  await client.query(
    `INSERT INTO released_series AS r (series_instance_uid, opened_at)
     SELECT series, max(to_timestamp(opened / 1000)) FROM ${SERIES} WHERE ended IS NOT NULL GROUP BY series ORDER BY series
     ON CONFLICT (series_instance_uid) DO UPDATE SET opened_at = greatest(r.opened_at, excluded.opened_at)`,
    seriesColumns(released, offsetMs),
  );
  await client.query('DELETE FROM transfer WHERE transfer_id = ANY($1)', [released.map((one) => one.transferId)]);
  await client.query(
    `DELETE FROM lost_instance l USING unnest($1::text[], $2::float8[]) AS t(study, opened)
      WHERE l.study_instance_uid = t.study AND NOT l.has_name AND l.lost_at <= to_timestamp(t.opened / 1000)`,
    [released.flatMap(studiesOf), released.flatMap((one) => studiesOf(one).map(() => one.openedAtMs + offsetMs))],
  );
}

/** An instance that is stored already is not lost by being refused once more. @returns studies that miss more than before */
async function insertLosses(client: DatabaseClient, losses: readonly Loss[], offsetMs: number): Promise<string[]> {
  if (losses.length === 0) return [];
  const { rows } = await client.query(
    `INSERT INTO lost_instance (study_instance_uid, sop_instance_uid, command_uid, series_instance_uid, study_known, has_name, code,
                                calling_ae_title, lost_at)
     SELECT study, sop, command, series, known, named, code, caller, to_timestamp(at / 1000)
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::boolean[], $7::text[], $8::text[], $9::float8[],
                   $10::boolean[]) AS l(study, sop, command, series, known, named, code, caller, at, certain)
      WHERE NOT (certain AND known AND EXISTS (SELECT FROM instance i WHERE i.sop_instance_uid = l.sop AND i.study_instance_uid = l.study))
     ON CONFLICT DO NOTHING RETURNING study_instance_uid`,
    [
      losses.map((loss) => loss.studyInstanceUid),
      losses.map((loss) => loss.sopInstanceUid),
      losses.map((loss) => loss.commandUid),
      losses.map((loss) => loss.seriesInstanceUid),
      losses.map((loss) => loss.studyKnown),
      losses.map((loss) => loss.hasName),
      losses.map((loss) => loss.code),
      losses.map((loss) => loss.callingAeTitle),
      losses.map((loss) => loss.atMs + offsetMs),
      losses.map((loss) => loss.isCertain),
    ],
  );
  return rows.map((row) => row.study_instance_uid);
}

/** Instances that were lost once have come. */
export async function foundAgain(client: DatabaseClient, instances: readonly StoredInstance[]): Promise<void> {
  const { rows } = await client.query(
    `DELETE FROM lost_instance l USING unnest($1::text[], $2::text[]) AS i(sop, study)
      WHERE (l.sop_instance_uid = i.sop OR l.command_uid = i.sop) AND (NOT l.study_known OR l.study_instance_uid = i.study)
     RETURNING l.study_instance_uid`,
    [instances.map((one) => one.sopInstanceUid), instances.map((one) => one.studyInstanceUid)],
  );
  if (rows.length > 0)
    await reopenWhole(
      client,
      rows.map((row) => row.study_instance_uid),
    );
}

/** Studies that something is now known to be missing of: `clear` is withdrawn at once, and a decided study decided again. */
async function reopenIncomplete(client: DatabaseClient, studies: readonly string[]): Promise<void> {
  if (studies.length === 0) return;
  await client.query(
    `UPDATE study SET completion = 'open', open_since = clock_timestamp(), waiting = false
      WHERE study_instance_uid = ANY($1) AND completion = 'complete' AND analysed_request >= request
        AND incompleteness(study_instance_uid) IS NOT NULL`,
    [studies],
  );
  await client.query(
    `UPDATE study SET state = CASE completion WHEN 'open' THEN 'receiving' ELSE 'queued' END
      WHERE study_instance_uid = ANY($1) AND state = 'clear' AND incompleteness(study_instance_uid) IS NOT NULL`,
    [studies],
  );
}

/** Studies that nothing is known to be missing of any more: they are waited for no longer, and decided again. */
async function reopenWhole(client: DatabaseClient, studies: readonly string[]): Promise<void> {
  if (studies.length === 0) return;
  await client.query(
    `UPDATE study s SET open_since = CASE completion WHEN 'open' THEN open_since ELSE clock_timestamp() END, completion = 'open', waiting = false
      WHERE study_instance_uid = ANY($1) AND incompleteness(study_instance_uid) IS NULL
        AND (waiting OR (completion = 'complete' AND analysed_request >= request
                         AND EXISTS (SELECT FROM result r WHERE r.result_id = s.result_id AND r.incomplete IS NOT NULL)))`,
    [studies],
  );
}

/** Transfers of receivers that ended without a word. The two seconds of the view `broken_transfer` are for results. */
export async function endDeadTransfers(
  database: Database,
  { maxAgeMs }: Pick<Config, 'maxAgeMs'>,
): Promise<BrokenSeries[]> {
  return database.transaction(async (client) => {
    await client.query(
      `DELETE FROM transfer t USING released_series r
        WHERE r.series_instance_uid = t.series_instance_uid AND coalesce(t.ended_at, t.seen_at) <= r.opened_at
          AND (t.ended_at IS NOT NULL OR t.seen_at < now() - $1 * interval '1 millisecond')`,
      [CLOCK_SLACK_MS],
    );
    const { rows } = await client.query(
      `UPDATE transfer SET ended_at = least(seen_at, now())
        WHERE ended_at IS NULL AND abs(extract(epoch FROM now() - seen_at)) * 1000 > $1
       RETURNING study_instance_uid, series_instance_uid`,
      [CLOCK_SLACK_MS],
    );
    if (rows.length === 0) return [];
    const studies = rows.map((row) => row.study_instance_uid);
    await lockStudies(client, studies);
    await client.query(
      `DELETE FROM transfer t USING series s
        WHERE t.study_instance_uid = ANY($1) AND t.ended_at IS NOT NULL AND s.series_instance_uid = t.series_instance_uid
          AND s.last_instance_at <= t.ended_at - $2 * interval '1 millisecond'`,
      [studies, maxAgeMs],
    );
    await reopenIncomplete(client, studies);
    return rows.map(brokenSeries);
  });
}

const brokenSeries = (row: { study_instance_uid: string; series_instance_uid: string }): BrokenSeries => ({
  studyInstanceUid: row.study_instance_uid,
  seriesInstanceUid: row.series_instance_uid,
});
