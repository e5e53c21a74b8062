/** The table `model_target`: what a model looks for, by the digest of its bundle, where the bundle says so (shared/target.ts). */
import { jsonb } from '@ichor/shared/storable';
import type { ModelIdentity } from '@ichor/shared/study';
import { HEMORRHAGE, type Target } from '@ichor/shared/target';
import type { Database, DatabaseClient } from '../postgres/database.ts';

/** The digest stands for the whole bundle: what it looks for never changes. */
export async function saveTarget(client: DatabaseClient, { sha256, target }: ModelIdentity): Promise<void> {
  if (target === undefined) return;
  await client.query('INSERT INTO model_target (model_sha256, target) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    sha256,
    jsonb(target),
  ]);
}

/** A scalar of SQL: the target of the row `of`, which has the column `model_sha256`; null where the bundle says nothing. */
export const targetColumn = (of: string): string =>
  `(SELECT t.target FROM model_target t WHERE t.model_sha256 = ${of}.model_sha256)`;

/** A scalar of SQL: the class that decides in the result `of`. */
export const decidesColumn = (of: string): string =>
  `coalesce(${targetColumn(of)}->>'decides', '${HEMORRHAGE.decides}')`;

/** The columns of a model, and {@link targetColumn} as `model_target`. */
export type ModelRow = {
  readonly model_name: string;
  readonly model_version: string;
  readonly model_sha256: string;
  readonly model_target: Target | null;
};
export const toModel = (row: ModelRow): ModelIdentity => ({
  name: row.model_name,
  version: row.model_version,
  sha256: row.model_sha256,
  ...(row.model_target && { target: row.model_target }),
});

/** Every target that a result of this database may have. */
export async function listTargets(database: Database): Promise<Target[]> {
  const { rows } = await database.pool.query('SELECT DISTINCT target FROM model_target');
  return [HEMORRHAGE, ...rows.map((row) => row.target)];
}
