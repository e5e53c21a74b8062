/**
 * Studies as the API shows them: one statement per function. Accession number and UIDs only; patient name and ID are
 * added by `auth/patients.ts` for those who may see them.
 */

import { IchorError } from '@ichor/shared/errors';
import type { FindingClass, StudyState, StudyTimes, StudyView } from '@ichor/shared/study';
import { findingsInOrder, REPORT_STATE_SQL, timesOf } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';
import type { QueryResultRow } from 'pg';

/** Where a page of the worklist ended; opaque to clients. */
export type Position = readonly [rank: number, priority: number, firstInstanceAt: string, studyInstanceUid: string];

export type StudyQuery = {
  /** Empty: every state. */
  readonly states: readonly StudyState[];
  readonly accessionNumber: string | null;
  /** Only studies of which something arrived within so many hours. */
  readonly withinHours: number | null;
  /** Only studies in which this is present. */
  readonly finding?: FindingClass | null;
  /** Part of an accession number or UID; of a patient's name or ID too for those who may see patients. */
  readonly search?: string | null;
  readonly searchPatients?: boolean;
  readonly limit: number;
  readonly after: Position | null;
};

export type StudyPage = { readonly studies: readonly StudyView[]; readonly next: Position | null };

/** Everything of a {@link StudyView}; `s` is the study, `r` the result that it shows, if any. */
const VIEW = `
  s.study_instance_uid, s.accession_number, s.state, s.reason, s.error_code, s.revision, s.priority,
  (SELECT count(DISTINCT sop_instance_uid)::int FROM instance i WHERE i.study_instance_uid = s.study_instance_uid) AS instances,
  incompleteness(s.study_instance_uid) AS incomplete, r.findings, r.key_slices, r.series, r.model_name, r.model_version, r.model_sha256,
  ${REPORT_STATE_SQL} AS report,
  s.first_instance_at, s.last_instance_at, s.completed_at, s.resulted_at, s.delivered_at,
  (SELECT json_agg(json_build_object('destination', d.destination, 'object', o.kind, 'sopInstanceUid', o.sop_instance_uid,
                                     'state', d.state, 'attempts', d.attempts, 'error', d.error)
                   ORDER BY d.destination, d.delivery_id)
     FROM delivery d JOIN derived_object o USING (sop_instance_uid) WHERE d.result_id = s.result_id) AS deliveries`;
/** A result that was withdrawn, because something is missing, is not shown (docs/adr/0015). */
const SHOWN =
  "study s LEFT JOIN result r ON r.result_id = s.result_id AND s.state NOT IN ('receiving', 'queued', 'analysing')";
const POSITION = 'worklist_rank(s.state), s.priority, s.first_instance_at, s.study_instance_uid';

/** One page of the worklist: positive first, then by priority, then who has waited longest. */
export async function listStudies(database: Database, query: StudyQuery): Promise<StudyPage> {
  const { rows } = await database.pool.query(
    `SELECT ${VIEW}, worklist_rank(s.state) AS rank, s.first_instance_at::text AS waiting_since
       FROM ${SHOWN}
      WHERE (cardinality($1::text[]) = 0 OR s.state = ANY ($1))
        AND ($2::text IS NULL OR s.accession_number = $2)
        AND ($3::float8 IS NULL OR s.last_instance_at > now() - $3 * interval '1 hour')
        AND ($9::text IS NULL OR (r.findings->$9->>'present')::boolean)
        AND ($10::text IS NULL OR strpos(lower(concat_ws(' ', s.accession_number, s.study_instance_uid,
                                  CASE WHEN $11::boolean THEN replace(concat_ws(' ', s.patient_name, s.patient_id), '^', ' ') END)), lower($10)) > 0)
        AND ($4::int IS NULL OR (${POSITION}) > ($4, $5::int, $6::timestamptz, $7::text))
      ORDER BY ${POSITION}
      LIMIT $8`,
    [
      query.states,
      query.accessionNumber,
      query.withinHours,
      ...(query.after ?? [null, null, null, null]),
      query.limit + 1,
      query.finding ?? null,
      query.search || null,
      query.searchPatients ?? false,
    ],
  );
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return {
    studies: page.map(toView),
    next: last === undefined ? null : [last.rank, last.priority, last.waiting_since, last.study_instance_uid],
  };
}

/** @throws IchorError STUDY_UNKNOWN */
export async function findStudy(database: Database, studyInstanceUid: string): Promise<StudyView> {
  const [study] = await findStudies(database, [studyInstanceUid]);
  if (study === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return study;
}

/** The studies with these UIDs, in the order of the worklist; unknown ones are left out. */
export async function findStudies(database: Database, studyInstanceUids: readonly string[]): Promise<StudyView[]> {
  const { rows } = await database.pool.query(
    `SELECT ${VIEW} FROM ${SHOWN}
      WHERE s.study_instance_uid = ANY ($1) ORDER BY ${POSITION}`,
    [studyInstanceUids],
  );
  return rows.map(toView);
}

function toView(row: QueryResultRow & StudyTimes): StudyView {
  return {
    studyInstanceUid: row.study_instance_uid,
    accessionNumber: row.accession_number,
    state: row.state,
    reason: row.reason,
    error: row.error_code,
    revision: row.revision,
    priority: row.priority,
    receivedInstances: row.instances,
    incomplete: row.incomplete,
    findings: findingsInOrder(row.findings),
    keySlices: row.key_slices ?? [],
    series: row.series ?? [],
    model:
      row.model_sha256 === null ? null : { name: row.model_name, version: row.model_version, sha256: row.model_sha256 },
    times: timesOf(row),
    report: row.report,
    deliveries: row.deliveries ?? [],
  };
}
