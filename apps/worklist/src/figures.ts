/** The figures: one statement per figure, over the studies whose first instance came in the range. */

import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';
import { z } from 'zod';

const day = z.string().regex(/^\d{4}-\d\d-\d\d$/, 'must be a day, YYYY-MM-DD');
const Range = z.strictObject({ from: day.optional(), to: day.optional() });
/** Days in UTC, both included. */
export type DateRange = { readonly from: string; readonly to: string };

const DAY_MS = 86_400_000;
/** `?from=2026-01-01&to=2026-01-31`; the last 30 days when left out. @throws IchorError REQUEST_INVALID */
export function parseRange(query: unknown, now = Date.now()): DateRange {
  const given = Range.safeParse(query);
  if (!given.success) throw new IchorError('REQUEST_INVALID', { reason: given.error.issues[0]?.message ?? 'range' });
  const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const to = given.data.to ?? iso(now);
  return { from: given.data.from ?? iso(Date.parse(to) - 29 * DAY_MS), to };
}

/** Wilson score interval at 95 % (Wilson 1927). Null when nothing was counted. */
export function wilson(hits: number, of: number): { value: number; low: number; high: number } | null {
  if (of === 0) return null;
  const z = 1.959963984540054;
  const share = hits / of;
  const scale = 1 + (z * z) / of;
  const centre = (share + (z * z) / (2 * of)) / scale;
  const half = (z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of))) / scale;
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

const STUDIES = `SELECT *, (first_instance_at AT TIME ZONE 'UTC')::date AS day FROM study
  WHERE first_instance_at >= ($1::date)::timestamp AT TIME ZONE 'UTC' AND first_instance_at < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'`;
/** A week begins on Monday (ISO 8601). */
const WEEK = "to_char(date_trunc('week', s.day), 'YYYY-MM-DD')";
/** The latest word of each reader on each finding of the current result. */
const LATEST = `SELECT DISTINCT ON (f.result_id, f.finding, f.reader) f.result_id, f.finding, f.verdict
  FROM feedback f ORDER BY f.result_id, f.finding, f.reader, f.feedback_id DESC`;

/** Everything of the figures page. */
export async function figures(database: Database, { from, to }: DateRange) {
  const ask = async (sql: string) => (await database.pool.query(sql, [from, to])).rows;
  const [perDay, timeToFlag, rate, ppv, agreement, scores, reasons] = await Promise.all([
    ask(
      `SELECT to_char(day, 'YYYY-MM-DD') AS day, state, count(*)::int AS studies FROM (${STUDIES}) s GROUP BY 1, 2 ORDER BY 1, 2`,
    ),
    ask(`SELECT to_char(day, 'YYYY-MM-DD') AS day, count(*)::int AS studies,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM resulted_at - last_instance_at))::float8 AS "medianSeconds",
                percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM resulted_at - last_instance_at))::float8 AS "p95Seconds"
           FROM (${STUDIES}) s WHERE state = 'flagged' AND resulted_at >= last_instance_at GROUP BY ROLLUP (1) ORDER BY 1`),
    ask(`SELECT ${WEEK} AS week, count(*) FILTER (WHERE state = 'flagged')::int AS hits, count(*)::int AS of
           FROM (${STUDIES}) s WHERE state IN ('flagged', 'clear') GROUP BY 1 ORDER BY 1`),
    ask(`SELECT ${WEEK} AS week, count(*) FILTER (WHERE l.verdict = 'agree')::int AS hits,
                count(*) FILTER (WHERE l.verdict <> 'unsure')::int AS of, count(*) FILTER (WHERE l.verdict = 'unsure')::int AS unsure
           FROM (${STUDIES}) s JOIN (${LATEST}) l USING (result_id) WHERE s.state = 'flagged' AND l.finding = 'any' GROUP BY 1 ORDER BY 1`),
    ask(`SELECT l.finding, count(*) FILTER (WHERE l.verdict = 'agree')::int AS agree,
                count(*) FILTER (WHERE l.verdict = 'disagree')::int AS disagree, count(*) FILTER (WHERE l.verdict = 'unsure')::int AS unsure
           FROM (${STUDIES}) s JOIN (${LATEST}) l USING (result_id) GROUP BY 1`),
    ask(`SELECT ${WEEK} AS week, count(*)::int AS studies,
                percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY (r.findings->'any'->>'score')::float8) AS deciles
           FROM (${STUDIES}) s JOIN result r USING (result_id) WHERE r.findings IS NOT NULL GROUP BY 1 ORDER BY 1`),
    ask(`SELECT ${WEEK} AS week, coalesce(s.reason->>'code', 'unknown') AS reason, count(*)::int AS studies
           FROM (${STUDIES}) s WHERE s.state = 'not-analysed' GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2`),
  ]);
  const share = (row: { hits: number; of: number }) => ({ ...row, ...(wilson(row.hits, row.of) ?? {}) });
  return {
    from,
    to,
    perDay,
    timeToFlag: timeToFlag.filter((row) => row.day !== null),
    timeToFlagOverall: timeToFlag.find((row) => row.day === null) ?? null,
    positiveRate: rate.map((row) => share(row)),
    ppv: ppv.map((row) => share(row)),
    agreement: FINDING_CLASSES.flatMap((finding) => agreement.filter((row) => row.finding === finding)).map((row) => ({
      ...row,
      ...(wilson(row.agree, row.agree + row.disagree) ?? {}),
    })),
    scores: scores.map(({ deciles: [p10, median, p90], ...row }) => ({ ...row, p10, median, p90 })),
    reasons,
  };
}
