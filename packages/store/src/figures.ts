/** What the figures are made of: one statement per figure, over the studies whose first instance came in the range. */
import type { Database } from './postgres/database.ts';
import { decidesColumn } from './rows/modelTarget.ts';

/** Days in UTC, both included. */
export type DateRange = { readonly from: string; readonly to: string };

const STUDIES = `SELECT *, (first_instance_at AT TIME ZONE 'UTC')::date AS day FROM study
  WHERE first_instance_at >= ($1::date)::timestamp AT TIME ZONE 'UTC' AND first_instance_at < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'`;

/** A week begins on Monday (ISO 8601). */
const WEEK = "to_char(date_trunc('week', s.day), 'YYYY-MM-DD')";

/** The latest word of each reader on each finding of the current result. */
const LATEST = `SELECT DISTINCT ON (f.result_id, f.finding, f.reader) f.result_id, f.finding, f.verdict
  FROM feedback f ORDER BY f.result_id, f.finding, f.reader, f.feedback_id DESC`;

type Agreement = {
  readonly finding: string;
  readonly agree: number;
  readonly disagree: number;
  readonly unsure: number;
};
type TimeToFlag = {
  readonly day: string | null;
  readonly studies: number;
  readonly medianSeconds: number;
  readonly p95Seconds: number;
};
type Rate = { readonly week: string; readonly hits: number; readonly of: number };
/** Rows of each figure. `timeToFlag` has one of all days together, without a `day`; `deciles` are the 1st, 5th and 9th. */
export type FigureRows = {
  readonly perDay: { readonly day: string; readonly state: string; readonly studies: number }[];
  readonly timeToFlag: TimeToFlag[];
  readonly rate: Rate[];
  readonly ppv: (Rate & { readonly unsure: number })[];
  readonly agreement: Agreement[];
  /** Of the class that decides. */
  readonly scores: { readonly week: string; readonly studies: number; readonly deciles: [number, number, number] }[];
  readonly reasons: { readonly week: string; readonly reason: string; readonly studies: number }[];
};

export async function figureRows(database: Database, { from, to }: DateRange): Promise<FigureRows> {
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
           FROM (${STUDIES}) s JOIN (${LATEST}) l USING (result_id) JOIN result r USING (result_id)
          WHERE s.state = 'flagged' AND l.finding = ${decidesColumn('r')} GROUP BY 1 ORDER BY 1`),
    ask(`SELECT l.finding, count(*) FILTER (WHERE l.verdict = 'agree')::int AS agree,
                count(*) FILTER (WHERE l.verdict = 'disagree')::int AS disagree, count(*) FILTER (WHERE l.verdict = 'unsure')::int AS unsure
           FROM (${STUDIES}) s JOIN (${LATEST}) l USING (result_id) GROUP BY 1`),
    ask(`SELECT ${WEEK} AS week, count(*)::int AS studies,
                percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY (r.findings->${decidesColumn('r')}->>'score')::float8) AS deciles
           FROM (${STUDIES}) s JOIN result r USING (result_id) WHERE r.findings IS NOT NULL GROUP BY 1 ORDER BY 1`),
    ask(`SELECT ${WEEK} AS week, coalesce(s.reason->>'code', 'unknown') AS reason, count(*)::int AS studies
           FROM (${STUDIES}) s WHERE s.state = 'not-analysed' GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2`),
  ]);
  return { perDay, timeToFlag, rate, ppv, agreement, scores, reasons };
}
