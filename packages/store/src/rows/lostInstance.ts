/** The table `lost_instance`: instances that are known to be missing of a study (docs/adr/0015). Each function is one statement. */
import type { DatabaseClient } from '../postgres/database.ts';
import type { StoredInstance } from './instance.ts';
import { studiesOf, type Transfer } from './transfer.ts';

/** What is known of an instance that was not stored. */
export type NotStored = {
  /** As the dataset says; null where that did not come or cannot be read. */
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
  /** As the dataset says, else as the command does; empty when neither names it. */
  readonly sopInstanceUid: string;
  /** Affected SOP Instance UID of the command. */
  readonly commandUid: string;
  /** Whether it can come again by its name. */
  readonly hasName: boolean;
  /** Whether command and dataset name it alike: then a stored instance of that name in its study is this one. */
  readonly isCertain: boolean;
  readonly canBeCtSlice: boolean;
  readonly callingAeTitle: string;
};

/** A lost instance and a study that misses it. Times are those of `performance.now()`. */
export type Loss = NotStored & {
  readonly studyInstanceUid: string;
  readonly studyKnown: boolean;
  readonly code: string;
  readonly atMs: number;
};

/** An instance that is stored already is not lost by being refused once more. @returns studies that miss more than before */
export async function insertLosses(
  client: DatabaseClient,
  losses: readonly Loss[],
  offsetMs: number,
): Promise<string[]> {
  if (losses.length === 0) return [];
  const { rows } = await client.query(
    `INSERT INTO lost_instance (study_instance_uid, sop_instance_uid, command_uid, series_instance_uid, study_known, has_name, code,
                                calling_ae_title, lost_at)
     SELECT study, sop, command, series, known, named, code, caller, to_timestamp(at / 1000)
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::boolean[], $7::text[], $8::text[], $9::float8[],
                   $10::boolean[]) AS l(study, sop, command, series, known, named, code, caller, at, certain)
      WHERE NOT (certain AND known AND EXISTS (SELECT FROM instance i WHERE i.sop_instance_uid = l.sop AND i.study_instance_uid = l.study))
     ON CONFLICT DO NOTHING RETURNING study_instance_uid`,
    [
      losses.map((loss) => loss.studyInstanceUid),
      losses.map((loss) => loss.sopInstanceUid),
      losses.map((loss) => loss.commandUid),
      losses.map((loss) => loss.seriesInstanceUid),
      losses.map((loss) => loss.studyKnown),
      losses.map((loss) => loss.hasName),
      losses.map((loss) => loss.code),
      losses.map((loss) => loss.callingAeTitle),
      losses.map((loss) => loss.atMs + offsetMs),
      losses.map((loss) => loss.isCertain),
    ],
  );
  return rows.map((row) => row.study_instance_uid);
}

/** A later release of their study stands for losses that cannot come again by their name. */
export async function forgetNameless(
  client: DatabaseClient,
  released: readonly Transfer[],
  offsetMs: number,
): Promise<void> {
  if (released.length === 0) return;
  await client.query(
    `DELETE FROM lost_instance l USING unnest($1::text[], $2::float8[]) AS t(study, opened)
      WHERE l.study_instance_uid = t.study AND NOT l.has_name AND l.lost_at <= to_timestamp(t.opened / 1000)`,
    [released.flatMap(studiesOf), released.flatMap((one) => studiesOf(one).map(() => one.openedAtMs + offsetMs))],
  );
}

/** Instances that were lost once have come. @returns the studies that missed them */
export async function foundAgain(client: DatabaseClient, instances: readonly StoredInstance[]): Promise<string[]> {
  const { rows } = await client.query(
    `DELETE FROM lost_instance l USING unnest($1::text[], $2::text[]) AS i(sop, study)
      WHERE (l.sop_instance_uid = i.sop OR l.command_uid = i.sop) AND (NOT l.study_known OR l.study_instance_uid = i.study)
     RETURNING l.study_instance_uid`,
    [instances.map((one) => one.sopInstanceUid), instances.map((one) => one.studyInstanceUid)],
  );
  return rows.map((row) => row.study_instance_uid);
}
