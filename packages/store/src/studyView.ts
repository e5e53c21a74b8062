/**
 * A study as people and systems see it: the one statement and the one mapper behind API, page, notifications and command line.
 *
 * A statement and no SQL view: its columns change together with the mapper, in one file and without a migration, and no table is
 * hindered by a view that names its columns. The planner sees the same.
 */
import { type ErrorCode, IchorError } from '@ichor/shared/errors';
import type { Incompleteness } from '@ichor/shared/incompleteness';
import type { Reason } from '@ichor/shared/reasons';
import type {
  Findings,
  KeySlice,
  ModelIdentity,
  ReportState,
  SeriesSelection,
  StudyDelivery,
  StudyState,
  StudyView,
} from '@ichor/shared/study';
import { classNames, findingOf, type Target, targetOf } from '@ichor/shared/target';
import type { Database } from './postgres/database.ts';
import { targetColumn, toModel } from './rows/modelTarget.ts';

/** Where what is told of a study comes from; `s` is the study, `r` the result. */
type Source = Readonly<Record<'said' | 'incomplete' | 'resultId' | 'resultedAt' | 'deliveredAt', string>>;
/** What the study shows now, with the result `r` behind it, if any. */
const NOW: Source = {
  said: 's',
  incomplete: 'incompleteness(s.study_instance_uid)',
  resultId: 's.result_id',
  resultedAt: 's.resulted_at',
  deliveredAt: 's.delivered_at',
};
/** What the result `r` said, whatever came later. */
const THEN: Source = {
  said: 'r',
  incomplete: 'r.incomplete',
  resultId: 'r.result_id',
  resultedAt: 'r.created_at',
  deliveredAt: 'CASE WHEN s.result_id = r.result_id THEN s.delivered_at END',
};

/** The columns of a {@link StudyRow}. */
const viewOf = ({ said, incomplete, resultId, resultedAt, deliveredAt }: Source): string => `
  s.study_instance_uid, s.accession_number, s.priority, ${said}.state, ${said}.reason, ${said}.error_code, ${said}.revision,
  (SELECT count(DISTINCT sop_instance_uid)::int FROM instance i WHERE i.study_instance_uid = s.study_instance_uid) AS instances,
  ${incomplete} AS incomplete, r.findings, r.key_slices, r.series, r.model_name, r.model_version, r.model_sha256,
  ${targetColumn('r')} AS model_target,
  CASE r.objects WHEN 'due' THEN 'pending' WHEN 'failed' THEN 'failed'
    ELSE (SELECT 'written' FROM derived_object o WHERE o.result_id = r.result_id LIMIT 1) END AS report,
  s.first_instance_at, s.last_instance_at, s.completed_at, ${resultedAt} AS resulted_at, ${deliveredAt} AS delivered_at,
  (SELECT json_agg(json_build_object('destination', d.destination, 'object', o.kind, 'sopInstanceUid', o.sop_instance_uid,
                                     'state', d.state, 'attempts', d.attempts, 'error', d.error)
                   ORDER BY d.destination, d.delivery_id)
     FROM delivery d JOIN derived_object o USING (sop_instance_uid) WHERE d.result_id = ${resultId}) AS deliveries`;

/** Columns of every study that {@link SHOWN} has. */
export const SHOWN_VIEW = viewOf(NOW);

type StudyRow = {
  readonly study_instance_uid: string;
  readonly accession_number: string | null;
  readonly priority: number;
  readonly state: StudyState;
  readonly reason: Reason | null;
  readonly error_code: string | null;
  readonly revision: number;
  readonly instances: number;
  readonly incomplete: Incompleteness | null;
  readonly findings: Findings | null;
  readonly key_slices: readonly KeySlice[] | null;
  readonly series: readonly SeriesSelection[] | null;
  readonly model_name: string;
  readonly model_version: string;
  /** Null without a result. */
  readonly model_sha256: string | null;
  readonly model_target: Target | null;
  readonly report: ReportState | null;
  readonly first_instance_at: Date;
  readonly last_instance_at: Date;
  readonly completed_at: Date | null;
  readonly resulted_at: Date | null;
  readonly delivered_at: Date | null;
  readonly deliveries: readonly StudyDelivery[] | null;
};

/**
 * What the row says. One that lacks what its state must carry says nothing that could be believed: such a study is shown as failed, in its
 * place, so that the others of the list are still seen.
 */
export function toView(row: StudyRow): StudyView {
  return {
    studyInstanceUid: row.study_instance_uid,
    accessionNumber: row.accession_number,
    ...FIRST,
    revision: row.revision,
    priority: row.priority,
    receivedInstances: row.instances,
    incomplete: row.incomplete,
    ...(toldBy(row) ?? UNREADABLE),
    times: timesOf(row),
    report: row.report,
    deliveries: row.deliveries ?? [],
  };
}

/** Where these stand in JSON. */
const FIRST = { state: null, reason: null, error: null };
const NOTHING_TOLD = { reason: null, error: null, findings: null, keySlices: [], series: [], model: null } as const;
const UNREADABLE = { ...NOTHING_TOLD, state: 'failed', error: 'RESULT_UNREADABLE' satisfies ErrorCode } as const;

/** What is told of the study by its state; null when the row lacks what that must carry. */
function toldBy(row: StudyRow) {
  const { state, reason, error_code: error, findings } = row;
  if (state === 'receiving' || state === 'queued' || state === 'analysing') return { ...NOTHING_TOLD, state };
  const [series, model] = [row.series ?? [], modelOf(row)];
  if (state === 'failed') return error === null ? null : { ...NOTHING_TOLD, state, error, series, model };
  if (model === null) return null;
  if (state === 'not-analysed') return reason && { ...NOTHING_TOLD, state, reason, series, model };
  if (findings === null) return null;
  const keySlices = row.key_slices ?? [];
  return { state, reason: null, error: null, findings: inOrder(findings, targetOf(model)), keySlices, series, model };
}

const modelOf = (row: StudyRow): ModelIdentity | null =>
  row.model_sha256 === null ? null : toModel({ ...row, model_sha256: row.model_sha256 });

/** `jsonb` keeps no order of keys. */
const inOrder = (findings: Findings, target: Target): Findings =>
  Object.fromEntries(classNames(target).map((name) => [name, findingOf(findings, name)]));

const timesOf = (row: StudyRow): StudyView['times'] => ({
  firstInstance: isoTime(row.first_instance_at),
  lastInstance: isoTime(row.last_instance_at),
  complete: isoTime(row.completed_at),
  decided: isoTime(row.resulted_at),
  flagged: row.state === 'flagged' ? isoTime(row.resulted_at) : null,
  delivered: isoTime(row.delivered_at),
});
const isoTime = (time: Date | null): string | null => time?.toISOString() ?? null;

/** A result that was withdrawn, because something is missing, is not shown (docs/adr/0015). */
export const SHOWN =
  "study s LEFT JOIN result r ON r.result_id = s.result_id AND s.state NOT IN ('receiving', 'queued', 'analysing')";
/** The order of the worklist: positive first, then by priority, then who has waited longest. */
export const POSITION = 'worklist_rank(s.state), s.priority, s.first_instance_at, s.study_instance_uid';

/** @throws IchorError STUDY_UNKNOWN */
export async function findStudy(database: Database, studyInstanceUid: string): Promise<StudyView> {
  const [study] = await findStudies(database, [studyInstanceUid]);
  if (study === undefined) throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid });
  return study;
}

/** The studies with these UIDs, in the order of the worklist; unknown ones are left out. */
export async function findStudies(database: Database, studyInstanceUids: readonly string[]): Promise<StudyView[]> {
  const { rows } = await database.pool.query(
    `SELECT ${SHOWN_VIEW} FROM ${SHOWN}
      WHERE s.study_instance_uid = ANY ($1) ORDER BY ${POSITION}`,
    [studyInstanceUids],
  );
  return rows.map(toView);
}

/** What a notification tells: the study as one result has it, whatever came later. `patient` goes into HL7 messages only. */
export type ResultView = {
  readonly study: StudyView;
  readonly patient: { readonly id: string | null; readonly name: string | null };
  /** YYYYMMDD as in Study Date. */
  readonly studyDate: string | null;
  readonly resultAt: Date;
};

const unreadable = ({ studyInstanceUid }: StudyView): IchorError =>
  new IchorError('RESULT_UNREADABLE', { studyInstanceUid });

/** @param resultId of a row of the outbox, so that there is such a result. @throws IchorError RESULT_UNREADABLE */
export async function resultView(database: Database, resultId: number): Promise<ResultView> {
  const { rows } = await database.pool.query(
    `SELECT ${viewOf(THEN)}, s.patient_id, s.patient_name, s.study_date
       FROM result r JOIN study s USING (study_instance_uid) WHERE r.result_id = $1`,
    [resultId],
  );
  const row = rows[0];
  const study = toView(row);
  if (study.error === UNREADABLE.error) throw unreadable(study);
  return {
    study,
    patient: { id: row.patient_id, name: row.patient_name },
    studyDate: row.study_date,
    resultAt: row.resulted_at,
  };
}
