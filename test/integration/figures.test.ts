/** The figures over 5,000 seeded studies, against the same sums done here from the plain rows. */
import { createLog, type Database, loadConfig, openDatabase } from '@ichor/shared';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { figures } from '../../apps/worklist/src/figures.ts';
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

async function seed(): Promise<void> {
  for (const sql of [
    `INSERT INTO study (study_instance_uid, state, first_instance_at, last_instance_at, resulted_at)
     SELECT '1.2.' || n, (ARRAY['flagged','clear','clear','not-analysed','failed'])[1 + n % 5], t, t, t + (n * 37 % 400) * interval '1 second'
       FROM (SELECT n, '2026-03-02T00:00:00Z'::timestamptz + n * interval '10 minutes' AS t FROM generate_series(1, 5000) n) s`,
    `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state, findings)
     SELECT study_instance_uid, 1, 'd', 'm', '1', 'ab', state, '{"any":{"score":0.5,"threshold":0.5,"present":true}}' FROM study WHERE state IN ('flagged', 'clear')`,
    'UPDATE study s SET result_id = r.result_id FROM result r WHERE r.study_instance_uid = s.study_instance_uid',
    `INSERT INTO feedback (study_instance_uid, result_id, finding, verdict, reader, reader_name)
     SELECT study_instance_uid, result_id, 'any', (ARRAY['agree','disagree','unsure','agree'])[1 + (result_id + turn) % 4], 'r', 'R'
       FROM study, generate_series(1, 2) turn WHERE state = 'flagged' ORDER BY turn`,
  ])
    await database.pool.query(sql);
}

test('agrees with sums over the plain rows: states, time to flag, PPV with Wilson interval', async () => {
  const studies = (await database.pool.query('SELECT * FROM study')).rows;
  const words = (await database.pool.query('SELECT * FROM feedback ORDER BY feedback_id')).rows;
  const got = await figures(database, { from: '2026-03-01', to: '2026-04-30' });

  const perDay = new Map<string, number>();
  for (const { first_instance_at: at, state } of studies) {
    const key = `${at.toISOString().slice(0, 10)} ${state}`;
    perDay.set(key, (perDay.get(key) ?? 0) + 1);
  }
  expect(new Map(got.perDay.map((row) => [`${row.day} ${row.state}`, row.studies]))).toEqual(perDay);

  const flagged = studies.filter(({ state }) => state === 'flagged');
  const seconds = flagged.map((one) => (one.resulted_at - one.last_instance_at) / 1000).sort((a, b) => a - b);
  const percentile = (share: number): number => {
    const place = share * (seconds.length - 1);
    const below = Math.floor(place);
    return seconds[below]! + (place - below) * ((seconds[below + 1] ?? seconds[below]!) - seconds[below]!);
  };
  expect(got.timeToFlagOverall.medianSeconds).toBeCloseTo(percentile(0.5), 6);
  expect(got.timeToFlagOverall.p95Seconds).toBeCloseTo(percentile(0.95), 6);

  const latest = new Map(words.map((word) => [word.study_instance_uid, word.verdict]));
  for (const row of got.ppv) {
    const start = Date.parse(row['week' as never]);
    const own = flagged.filter(({ first_instance_at: at }) => +at >= start && +at < start + 7 * 86_400_000);
    const verdicts = own.map((one) => latest.get(one.study_instance_uid)).filter((verdict) => verdict !== 'unsure');
    const [agree, of] = [verdicts.filter((verdict) => verdict === 'agree').length, verdicts.length];
    expect([row.hits, row.of]).toEqual([agree, of]);
    /** The bounds solve |p − agree/of| = z √(p (1 − p) / of). */
    for (const bound of [row['low' as never], row['high' as never]] as number[])
      expect(Math.abs(bound - agree / of)).toBeCloseTo(1.959963985 * Math.sqrt((bound * (1 - bound)) / of), 6);
  }
  expect(got.ppv.length).toBeGreaterThan(4);
  expect(got.reasons.reduce((sum, row) => sum + row.studies, 0)).toBe(1000);
});
