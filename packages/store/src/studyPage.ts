/** A page of the worklist. */
import type { StudyState, StudyView } from '@ichor/shared/study';
import type { Database } from './postgres/database.ts';
import { POSITION, SHOWN, SHOWN_VIEW, toView } from './studyView.ts';

/** Where a page of the worklist ended; opaque to clients. */
export type Position = readonly [rank: number, priority: number, firstInstanceAt: string, studyInstanceUid: string];

export type StudyQuery = {
  /** Empty: every state. */
  readonly states: readonly StudyState[];
  readonly accessionNumber: string | null;
  /** Only studies of which something arrived within so many hours. */
  readonly withinHours: number | null;
  /** Only studies in which this is present. */
  readonly finding?: string | null;
  /** Part of an accession number or UID; of a patient's name or ID too for those who may see patients. */
  readonly search?: string | null;
  readonly searchPatients?: boolean;
  readonly limit: number;
  readonly after: Position | null;
};

export type StudyPage = { readonly studies: readonly StudyView[]; readonly next: Position | null };

/** One page of the worklist: positive first, then by priority, then who has waited longest. */
export async function listStudies(database: Database, query: StudyQuery): Promise<StudyPage> {
  const { rows } = await database.pool.query(
    `SELECT ${SHOWN_VIEW}, worklist_rank(s.state) AS rank, s.first_instance_at::text AS waiting_since
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
