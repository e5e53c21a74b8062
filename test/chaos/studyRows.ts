/** The studies as the database has them at the end. */
export type Query = (text: string) => Promise<Readonly<Record<string, unknown>>[]>;

export type StudyRow = {
  readonly uid: string;
  readonly state: string;
  readonly error: string | null;
  /** States of all revisions, the last one last. */
  readonly states: readonly string[];
  readonly incomplete: boolean;
  /** What was found, as text: the same for the same pixels. */
  readonly outcome: string;
  /** Null when it is through: one current result, its report written, nothing that still is to be delivered. */
  readonly problem: string | null;
};

export async function studyRows(query: Query): Promise<StudyRow[]> {
  const rows = await query(
    `SELECT s.study_instance_uid AS uid, s.state, s.error_code AS error, incompleteness(s.study_instance_uid) IS NOT NULL AS incomplete,
            (SELECT array_agg(a.state ORDER BY a.revision) FROM result a WHERE a.study_instance_uid = s.study_instance_uid) AS states,
            concat(r.state, ' ', r.reason->>'code', ' any ', round((r.findings->'any'->>'score')::numeric, 4)) AS outcome,
            CASE WHEN s.completion <> 'complete' THEN 'is still open'
                 WHEN s.analysed_request <> s.request OR s.result_id IS NULL THEN 'has no result for its last request'
                 WHEN r.revision <> s.revision OR r.state <> s.state THEN 'does not show its current result'
                 WHEN r.objects <> 'written' THEN 'has a report that is ' || r.objects
                 WHEN EXISTS (SELECT FROM delivery d JOIN result a USING (result_id) WHERE a.study_instance_uid = s.study_instance_uid AND d.state = 'pending')
                 THEN 'has deliveries that are pending'
                 WHEN (SELECT count(*) FROM result a WHERE a.study_instance_uid = s.study_instance_uid) <> s.revision THEN 'has not one result for each revision'
            END AS problem
       FROM study s LEFT JOIN result r USING (result_id)`,
  );
  return rows.map((row) => ({ ...row, states: row['states'] ?? [] }) as StudyRow);
}
