/** What a notification tells: the study, and the result that the row belongs to, whatever came later. */

import type { StudyView } from '@ichor/shared/study';
import { findingsInOrder, REPORT_STATE_SQL, timesOf } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';

/** `patient` goes into HL7 messages only. `createdAt` is the time of the result. */
export type Content = {
  readonly study: StudyView;
  readonly patient: { readonly id: string | null; readonly name: string | null };
  /** YYYYMMDD as in Study Date. */
  readonly studyDate: string | null;
  readonly resultAt: Date;
};

export async function readContent(database: Database, resultId: number): Promise<Content> {
  const { rows } = await database.pool.query(
    `SELECT s.study_instance_uid, s.accession_number, s.patient_id, s.patient_name, s.study_date, s.priority, s.first_instance_at,
            s.last_instance_at, s.completed_at, CASE WHEN s.result_id = r.result_id THEN s.delivered_at END AS delivered_at,
            r.state, r.reason, r.error_code, r.incomplete, r.revision, r.findings, r.key_slices, r.series, r.model_name, r.model_version,
            r.model_sha256, r.created_at, ${REPORT_STATE_SQL} AS report,
            (SELECT count(DISTINCT sop_instance_uid)::int FROM instance i WHERE i.study_instance_uid = s.study_instance_uid) AS instances,
            (SELECT jsonb_agg(jsonb_build_object('destination', d.destination, 'object', o.kind, 'sopInstanceUid', o.sop_instance_uid,
                                                 'state', d.state, 'attempts', d.attempts, 'error', d.error) ORDER BY d.delivery_id)
               FROM delivery d JOIN derived_object o USING (sop_instance_uid) WHERE d.result_id = r.result_id) AS deliveries
       FROM result r JOIN study s USING (study_instance_uid) WHERE r.result_id = $1`,
    [resultId],
  );
  const row = rows[0];
  return {
    patient: { id: row.patient_id, name: row.patient_name },
    studyDate: row.study_date,
    resultAt: row.created_at,
    study: {
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
      keySlices: row.key_slices,
      series: row.series,
      model: { name: row.model_name, version: row.model_version, sha256: row.model_sha256 },
      times: timesOf({ ...row, resulted_at: row.created_at }),
      report: row.report,
      deliveries: row.deliveries ?? [],
    },
  };
}
