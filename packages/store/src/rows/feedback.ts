/** The table `feedback`: what readers say of findings. Rows are only added; the latest of a reader and finding counts. */
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '../postgres/database.ts';

export type FeedbackGiven = {
  /** A class of the model's target. */
  readonly finding: string;
  readonly verdict: 'agree' | 'disagree' | 'unsure';
  readonly comment: string;
};

export type Feedback = FeedbackGiven & { readonly reader: string; readonly readerName: string; readonly at: string };

/** The latest word of every reader on every finding of the study's current result. */
export async function listFeedback(database: Database, studyInstanceUid: string): Promise<Feedback[]> {
  const { rows } = await database.pool.query(
    `SELECT DISTINCT ON (f.finding, f.reader) f.finding, f.verdict, f.comment, f.reader, f.reader_name, f.at
       FROM feedback f JOIN study s ON s.result_id = f.result_id
      WHERE s.study_instance_uid = $1 ORDER BY f.finding, f.reader, f.feedback_id DESC`,
    [studyInstanceUid],
  );
  return rows.map(({ reader_name, at, ...row }) => ({ ...row, readerName: reader_name, at: at.toISOString() }));
}

/** @throws IchorError REQUEST_INVALID when the study has no findings yet, or not this one */
export async function addFeedback(
  database: Database,
  studyInstanceUid: string,
  given: FeedbackGiven,
  reader: { readonly name: string; readonly displayName: string },
): Promise<void> {
  const { rowCount } = await database.pool.query(
    `INSERT INTO feedback (study_instance_uid, result_id, finding, verdict, comment, reader, reader_name)
     SELECT s.study_instance_uid, s.result_id, $2, $3, $4, $5, $6 FROM study s JOIN result r USING (result_id)
      WHERE s.study_instance_uid = $1 AND jsonb_exists(r.findings, $2)`,
    [studyInstanceUid, given.finding, given.verdict, given.comment, reader.name, reader.displayName],
  );
  if (rowCount === 0)
    throw new IchorError('REQUEST_INVALID', {
      reason: `this study has no finding "${given.finding}" to judge`,
    });
}
