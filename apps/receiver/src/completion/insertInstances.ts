/** Stored instances into the database: one transaction for a batch. */
import type { Database } from '@ichor/store/postgres/database';
import { reopenForInstances, reopenWhole } from '@ichor/store/rows/completion';
import { insertInstances as insertRows } from '@ichor/store/rows/instance';
import { foundAgain } from '@ichor/store/rows/lostInstance';
import { upsertSeries } from '@ichor/store/rows/series';
import { type IndexedInstance, upsertStudies } from '@ichor/store/rows/study';

/**
 * Writes a batch: studies, series, instances. A study with a new instance is open (again); repeated instances change nothing.
 * @param isOpen whether an association that sent to a study is open now
 */
export async function insertInstances(
  database: Database,
  instances: readonly IndexedInstance[],
  isOpen: (studyInstanceUid: string) => boolean,
  openAheadMs: number,
): Promise<void> {
  await database.transaction(async (client) => {
    await upsertStudies(client, instances);
    await upsertSeries(client, instances);
    const touched = await insertRows(client, instances);
    const [open, closed] = [touched.filter(isOpen), touched.filter((study) => !isOpen(study))];
    await reopenForInstances(client, open, openAheadMs);
    await reopenForInstances(client, closed, 0);
    await reopenWhole(client, await foundAgain(client, instances));
  });
}
