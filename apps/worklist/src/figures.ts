/** The figures, of the studies whose first instance came in a range of days. */

import { IchorError } from '@ichor/shared/errors';
import { classNames, type Target } from '@ichor/shared/target';
import { type DateRange, figureRows } from '@ichor/store/figures';
import type { Database } from '@ichor/store/postgres/database';
import { listTargets } from '@ichor/store/rows/modelTarget';
import { z } from 'zod';

const day = z.string().regex(/^\d{4}-\d\d-\d\d$/, 'must be a day, YYYY-MM-DD');
const Range = z.strictObject({ from: day.optional(), to: day.optional() });

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

/** What decides, within a sentence: `any hemorrhage`. */
const decidingWords = ({ classes, decides }: Target): string =>
  classes.find(({ name }) => name === decides)!.short.toLowerCase();

/** Everything of the figures page. */
export async function figures(database: Database, { from, to }: DateRange) {
  const targets = await listTargets(database);
  const findings = new Set(targets.flatMap(classNames));
  const { perDay, timeToFlag, rate, ppv, agreement, scores, reasons } = await figureRows(database, { from, to });
  const share = (row: { hits: number; of: number }) => ({ ...row, ...(wilson(row.hits, row.of) ?? {}) });
  return {
    from,
    to,
    perDay,
    timeToFlag: timeToFlag.filter((row) => row.day !== null),
    timeToFlagOverall: timeToFlag.find((row) => row.day === null) ?? null,
    positiveRate: rate.map((row) => share(row)),
    ppv: ppv.map((row) => share(row)),
    deciding: targets.map(decidingWords),
    agreement: [...findings]
      .flatMap((finding) => agreement.filter((row) => row.finding === finding))
      .map((row) => ({
        ...row,
        ...(wilson(row.agree, row.agree + row.disagree) ?? {}),
      })),
    scores: scores.map(({ deciles: [p10, median, p90], ...row }) => ({ ...row, p10, median, p90 })),
    reasons,
  };
}
