/** Every figure over 5,000 seeded studies with feedback, against SQL written by hand here, in other ways than the page's. */

import { loadConfig } from '@ichor/settings/config';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { createLog } from '@ichor/telemetry/log';
import { figures } from '@ichor/worklist/figures';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase(
    loadConfig({ ICHOR_DATABASE_URL: postgres.url, ICHOR_LOG_LEVEL: 'silent' }),
    createLog({ logLevel: 'silent' }, 'test'),
  );
  await seed();
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});

/** Six weeks: every state, scores that vary, two readers who speak of three findings, and change their minds. */
async function seed(): Promise<void> {
  for (const sql of [
    `INSERT INTO study (study_instance_uid, state, reason, first_instance_at, last_instance_at, resulted_at)
     SELECT '1.2.' || n, state, CASE WHEN state = 'not-analysed' THEN jsonb_build_object('code', (ARRAY['too-few-slices','not-a-head','no-head-ct'])[1 + n % 7 % 3]) END,
            t, t, t + (n * 37 % 400) * interval '1 second'
       FROM (SELECT n, (ARRAY['flagged','clear','clear','not-analysed','failed'])[1 + n % 5] AS state, '2026-03-02T00:00:00Z'::timestamptz + n * interval '12 minutes' AS t
               FROM generate_series(1, 5000) n) s`,
    `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state, findings)
     SELECT study_instance_uid, number, 'd' || number, 'm', '1', 'ab', state,
            jsonb_build_object('any', jsonb_build_object('score', (('x' || substr(md5(study_instance_uid || number), 1, 4))::bit(16)::int % 1000) / 1000.0))
       FROM study, generate_series(1, 2) AS made(number) WHERE state IN ('flagged', 'clear')`,
    'UPDATE study s SET result_id = r.result_id FROM result r WHERE r.study_instance_uid = s.study_instance_uid AND r.revision = 2',
    `INSERT INTO feedback (study_instance_uid, result_id, finding, verdict, reader, reader_name)
     SELECT r.study_instance_uid, r.result_id, finding, (ARRAY['agree','disagree','unsure','agree','agree'])[1 + abs(hashtext(r.result_id || finding || reader || turn)) % 5], reader, reader
       FROM result r, unnest(ARRAY['any','subdural','epidural']) finding, unnest(ARRAY['one','other']) reader, generate_series(1, 2) turn
      WHERE r.state = 'flagged' AND abs(hashtext(r.study_instance_uid || finding || reader)) % 3 > 0 ORDER BY turn`,
  ])
    await database.pool.query(sql);
}

const RANGE = { from: '2026-03-05', to: '2026-04-07' };
/** The studies of the range and the week of each, asked for in another way than the figures do. */
const IN_RANGE = `in_range AS (
  SELECT *, to_char(first_instance_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
         to_char((first_instance_at AT TIME ZONE 'UTC')::date - (extract(isodow FROM first_instance_at AT TIME ZONE 'UTC')::int - 1), 'YYYY-MM-DD') AS week
    FROM study WHERE to_char(first_instance_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') BETWEEN '${RANGE.from}' AND '${RANGE.to}')`;
/** A word that its reader has not taken back. */
const STANDING = `standing AS (
  SELECT w.*, i.week, i.state FROM feedback w JOIN in_range i ON i.result_id = w.result_id
   WHERE NOT EXISTS (SELECT 1 FROM feedback later WHERE later.result_id = w.result_id AND later.finding = w.finding
                        AND later.reader = w.reader AND later.feedback_id > w.feedback_id))`;

const byHand = async (sql: string, known = IN_RANGE) => (await database.pool.query(`WITH ${known} ${sql}`)).rows;
const sorted = (rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
type Row = Record<string, number>;
/** As JSON has it: rows of plain columns. */
const got = async () =>
  JSON.parse(JSON.stringify(await figures(database, RANGE))) as Record<string, Row[]> & { timeToFlagOverall: Row };
const only = (rows: readonly Row[] | undefined, ...names: string[]) =>
  rows!.map((row) => Object.fromEntries(names.map((name) => [name, row[name]])));

/** The bounds of Wilson's interval solve |p − hits/of| = z √(p (1 − p) / of). */
function expectWilson({ value, low, high }: Row, hits: number, of: number): void {
  expect(value).toBeCloseTo(hits / of, 12);
  expect(low).toBeLessThan(high!);
  for (const bound of [low!, high!])
    expect(Math.abs(bound - hits / of)).toBeCloseTo(1.959963985 * Math.sqrt((bound * (1 - bound)) / of), 6);
}

test('studies per day by state are those of the plain rows', async () => {
  const { perDay } = await got();
  expect(sorted(perDay!)).toEqual(
    sorted(
      await byHand('SELECT day, state, count(study_instance_uid)::int AS studies FROM in_range GROUP BY day, state'),
    ),
  );
  expect(perDay!.length).toBe(34 * 4);
});

test('time from last instance to flag: median and 95th percentile, of every day and of the whole range', async () => {
  const { timeToFlag, timeToFlagOverall } = await got();
  const rows = await byHand(
    "SELECT day, extract(epoch FROM resulted_at - last_instance_at)::float8 AS seconds FROM in_range WHERE state = 'flagged' ORDER BY 2",
  );
  const percentile = (seconds: readonly number[], share: number): number => {
    const place = share * (seconds.length - 1);
    const below = Math.floor(place);
    return seconds[below]! + (place - below) * ((seconds[below + 1] ?? seconds[below]!) - seconds[below]!);
  };
  for (const row of [...timeToFlag!, timeToFlagOverall]) {
    const seconds = rows.filter(({ day }) => row['day'] === null || day === row['day']).map((one) => one.seconds);
    expect(row['studies']).toBe(seconds.length);
    expect(row['medianSeconds']).toBeCloseTo(percentile(seconds, 0.5), 6);
    expect(row['p95Seconds']).toBeCloseTo(percentile(seconds, 0.95), 6);
  }
  expect(timeToFlag!.length).toBe(34);
});

test('the positive rate by week counts flagged among analysed studies, with its interval', async () => {
  const rows = await byHand(`SELECT week, sum((state = 'flagged')::int)::int AS hits, count(*)::int AS of
    FROM in_range WHERE state = 'flagged' OR state = 'clear' GROUP BY week`);
  const { positiveRate } = await got();
  expect(sorted(only(positiveRate, 'week', 'hits', 'of'))).toEqual(sorted(rows));
  for (const row of positiveRate!) expectWilson(row, row['hits']!, row['of']!);
});

test('the PPV by week counts the last word of each reader on flagged studies, unsure ones apart', async () => {
  const rows = await byHand(
    `SELECT week, sum((verdict = 'agree')::int)::int AS hits, sum((verdict IN ('agree', 'disagree'))::int)::int AS of, sum((verdict = 'unsure')::int)::int AS unsure
       FROM standing WHERE finding = 'any' AND state = 'flagged' GROUP BY week`,
    `${IN_RANGE}, ${STANDING}`,
  );
  const { ppv } = await got();
  expect(sorted(only(ppv, 'week', 'hits', 'of', 'unsure'))).toEqual(sorted(rows));
  for (const row of ppv!) expectWilson(row, row['hits']!, row['of']!);
  expect(ppv!.length).toBe(6);
});

test('agreement by finding is over the words that stand, of the current result only', async () => {
  const rows = await byHand(
    `SELECT finding, sum((verdict = 'agree')::int)::int AS agree, sum((verdict = 'disagree')::int)::int AS disagree, sum((verdict = 'unsure')::int)::int AS unsure
       FROM standing GROUP BY finding`,
    `${IN_RANGE}, ${STANDING}`,
  );
  const { agreement } = await got();
  expect(only(agreement, 'finding')).toEqual([{ finding: 'epidural' }, { finding: 'subdural' }, { finding: 'any' }]);
  expect(sorted(only(agreement, 'finding', 'agree', 'disagree', 'unsure'))).toEqual(sorted(rows));
  for (const row of agreement!) expectWilson(row, row['agree']!, row['agree']! + row['disagree']!);
});

test('the drift of the scores: deciles of the current results by week', async () => {
  const rows = await byHand(
    "SELECT week, (findings #>> '{any,score}')::float8 AS score FROM in_range JOIN result USING (result_id) ORDER BY 2",
  );
  const { scores } = await got();
  for (const row of scores!) {
    const own = rows.filter(({ week }) => week === row['week']).map(({ score }) => score as number);
    expect(row['studies']).toBe(own.length);
    for (const [name, share] of [
      ['p10', 0.1],
      ['median', 0.5],
      ['p90', 0.9],
    ] as const) {
      const place = share * (own.length - 1);
      const [low, high] = [own[Math.floor(place)]!, own[Math.ceil(place)]!];
      expect(row[name]).toBeCloseTo(low + (place % 1) * (high - low), 9);
    }
  }
  expect(scores!.length).toBe(6);
});

test('the drift of the reasons for not-analysed: every reason of every week', async () => {
  const rows = await byHand(
    "SELECT week, reason ->> 'code' AS reason, count(*)::int AS studies FROM in_range WHERE state = 'not-analysed' GROUP BY week, reason ->> 'code'",
  );
  const { reasons } = await got();
  expect(sorted(reasons!)).toEqual(sorted(rows));
  expect(reasons!.length).toBe(18);
});
