/** The table `series`. */
import type { DatabaseClient } from '../postgres/database.ts';
import type { StoredInstance } from './instance.ts';
import { firstOf } from './lockOrder.ts';

/** A series that is there gets a later last instance. */
export async function upsertSeries(client: DatabaseClient, instances: readonly StoredInstance[]): Promise<void> {
  const series = firstOf(instances, (instance) => instance.seriesInstanceUid);
  await client.query(
    `INSERT INTO series (series_instance_uid, study_instance_uid, modality, description)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
     ON CONFLICT (series_instance_uid) DO UPDATE SET last_instance_at = now()`,
    [
      series.map((one) => one.seriesInstanceUid),
      series.map((one) => one.studyInstanceUid),
      series.map((one) => one.header.modality),
      series.map((one) => one.header.seriesDescription),
    ],
  );
}
