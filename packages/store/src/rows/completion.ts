/**
 * The completion of a study (table `study`): whether instances may still come, and whether an analysis is due.
 *
 *   open → complete   completeStudies, makeDue: `request` is raised by one, and due until `analysed_request` reaches it
 *   complete → open   reopenForInstances, reopenIncomplete, reopenWhole, waitForMissing
 *
 * What people see (`state`) follows: `receiving` while open and `queued` once complete, as long as there is no result.
 * Each function is one change.
 */
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import { CLOCK_SLACK_MS } from '../postgres/clock.ts';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { TriageJob } from '../queue/jobs.ts';

export type DueStudy = { readonly studyInstanceUid: string; readonly request: number; readonly priority: number };

/** Studies with a new instance. @param openAheadMs how long an association that sends to them counts as open from now */
export async function reopenForInstances(
  client: DatabaseClient,
  studies: readonly string[],
  openAheadMs: number,
): Promise<void> {
  if (studies.length === 0) return;
  await client.query(
    `UPDATE study SET last_instance_at = clock_timestamp(),
            open_since = CASE WHEN completion = 'open' THEN open_since ELSE clock_timestamp() END,
            completion = 'open', waiting = false,
            state = CASE WHEN result_id IS NULL THEN 'receiving' ELSE state END,
            association_open_until = greatest(association_open_until, clock_timestamp() + $2 * interval '1 millisecond')
      WHERE study_instance_uid = ANY($1)`,
    [studies, openAheadMs],
  );
}

/** Renews the sign of life of associations that are still sending to these studies. */
export async function keepStudiesOpen(
  database: Database,
  studies: readonly string[],
  openAheadMs: number,
): Promise<void> {
  if (studies.length === 0) return;
  await database.pool.query(
    "UPDATE study SET association_open_until = now() + $2 * interval '1 millisecond' WHERE study_instance_uid = ANY($1) AND completion = 'open'",
    [studies, openAheadMs],
  );
}

/** The last association of this receiver that sent to these studies has ended; another receiver has `graceMs` to object. */
export async function closeStudies(database: Database, studies: readonly string[], graceMs: number): Promise<void> {
  if (studies.length === 0) return;
  await database.pool.query(
    `UPDATE study SET association_open_until = least(association_open_until, now() + $2 * interval '1 millisecond')
      WHERE study_instance_uid = ANY($1)`,
    [studies, graceMs],
  );
}

/**
 * Studies that became complete now; each is returned once per round of arrivals, whoever asks.
 * @param among which; null: all
 */
export async function completeStudies(
  database: Database,
  { quietPeriodMs, maxAgeMs }: Pick<Config, 'quietPeriodMs' | 'maxAgeMs'>,
  among: readonly string[] | null = null,
): Promise<DueStudy[]> {
  const { rows } = await database.pool.query(
    `UPDATE study SET completion = 'complete', request = request + 1, completed_at = now(), waiting = false,
            at_max_age = open_since <= now() - $2 * interval '1 millisecond',
            state = CASE WHEN result_id IS NULL THEN 'queued' ELSE state END
      WHERE completion = 'open' AND ($3::text[] IS NULL OR study_instance_uid = ANY($3))
        AND ((NOT waiting AND last_instance_at <= now() - $1 * interval '1 millisecond' AND association_open_until <= now())
             OR open_since <= now() - $2 * interval '1 millisecond')
  RETURNING study_instance_uid, request, priority`,
    [quietPeriodMs, maxAgeMs, among],
  );
  return rows.map(dueStudy);
}

/** Open studies that are not among `known`, the longest quiet first. */
export async function openStudies(database: Database, known: readonly string[], limit: number): Promise<string[]> {
  const { rows } = await database.pool.query(
    `SELECT study_instance_uid FROM study WHERE completion = 'open' AND NOT study_instance_uid = ANY($1)
      ORDER BY last_instance_at LIMIT $2`,
    [known, limit],
  );
  return rows.map((row) => row.study_instance_uid);
}

/** Complete studies whose last request has no result yet. */
export async function dueStudies(database: Database): Promise<DueStudy[]> {
  const { rows } = await database.pool.query(
    "SELECT study_instance_uid, request, priority FROM study WHERE completion = 'complete' AND analysed_request < request ORDER BY priority, completed_at",
  );
  return rows.map(dueStudy);
}

const dueStudy = (row: { study_instance_uid: string; request: number; priority: number }): DueStudy => ({
  studyInstanceUid: row.study_instance_uid,
  request: row.request,
  priority: row.priority,
});

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

/** Studies that something is now known to be missing of: `clear` is withdrawn at once, and a decided study decided again. */
export async function reopenIncomplete(client: DatabaseClient, studies: readonly string[]): Promise<void> {
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
export async function reopenWhole(client: DatabaseClient, studies: readonly string[]): Promise<void> {
  if (studies.length === 0) return;
  await client.query(
    `UPDATE study s SET open_since = CASE completion WHEN 'open' THEN open_since ELSE clock_timestamp() END, completion = 'open', waiting = false
      WHERE study_instance_uid = ANY($1) AND incompleteness(study_instance_uid) IS NULL
        AND (waiting OR (completion = 'complete' AND analysed_request >= request
                         AND EXISTS (SELECT FROM result r WHERE r.result_id = s.result_id AND r.incomplete IS NOT NULL)))`,
    [studies],
  );
}

/** Open again without a quiet period; a study to which instances came meanwhile is open already, with one. */
export async function waitForMissing(client: DatabaseClient, job: TriageJob): Promise<void> {
  await client.query(
    `UPDATE study SET waiting = completion = 'complete', completion = 'open', analysed_request = greatest(analysed_request, $2),
                      state = CASE WHEN result_id IS NULL THEN 'receiving' ELSE state END
      WHERE study_instance_uid = $1`,
    [job.studyInstanceUid, job.request],
  );
}

/** Due, whether it was complete or not. @throws IchorError STUDY_UNKNOWN */
export async function makeDue(database: Database, studyInstanceUid: string): Promise<DueStudy> {
  const { rows } = await database.pool.query(
    `UPDATE study SET request = request + 1, completion = 'complete', completed_at = now(),
                      state = CASE WHEN result_id IS NULL THEN 'queued' ELSE state END
      WHERE study_instance_uid = $1 RETURNING study_instance_uid, request, priority`,
    [studyInstanceUid],
  );
  if (rows[0] === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return dueStudy(rows[0]);
}

/** How long the study has waited that became complete first of those without its result, in s; 0 when none waits. */
export async function oldestDueSeconds(database: Database): Promise<number> {
  const { rows } = await database.pool.query(
    `SELECT coalesce(extract(epoch FROM now() - min(completed_at)), 0)::float8 AS seconds
       FROM study WHERE completion = 'complete' AND analysed_request < request`,
  );
  return rows[0].seconds;
}
