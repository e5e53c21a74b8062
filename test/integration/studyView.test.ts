/** What is shown of rows that say too little: an error, never a view that could be believed. */

import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { listStudies } from '@ichor/store/studyPage';
import { findStudies, findStudy, resultView } from '@ichor/store/studyView';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { addStudy, emptyTables } from '../support/worklistRows.ts';

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: '' }, silentLog);
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});
beforeEach(() => emptyTables(database));

test.each([
  ['flagged', 'UPDATE result SET findings = NULL'],
  ['clear', 'UPDATE result SET findings = NULL'],
  ['not-analysed', 'UPDATE study SET reason = NULL'],
  ['failed', 'UPDATE study SET error_code = NULL'],
  ['clear', 'UPDATE study SET result_id = NULL'],
] as const)('a study that is %s is shown as an error after %s, among the others', async (state, damage) => {
  await addStudy(database, { uid: '1.2', state });
  await database.pool.query(damage);
  await addStudy(database, { uid: '1.3', state: 'clear' });
  const broken = { state: 'failed', error: 'RESULT_UNREADABLE', reason: null, findings: null, keySlices: [] };
  expect(await findStudy(database, '1.2')).toMatchObject(broken);
  const query = { states: [], accessionNumber: null, withinHours: null, limit: 10, after: null };
  const { studies } = await listStudies(database, query);
  expect(studies.map((study) => [study.studyInstanceUid, study.error]).sort()).toEqual([
    ['1.2', 'RESULT_UNREADABLE'],
    ['1.3', null],
  ]);
});

test('nobody is notified of a result that says too little', async () => {
  await addStudy(database, { uid: '1.2', state: 'flagged' });
  const { rows } = await database.pool.query('UPDATE result SET findings = NULL RETURNING result_id');
  await expect(resultView(database, Number(rows[0].result_id))).rejects.toMatchObject({ code: 'RESULT_UNREADABLE' });
});

test('a study that waits shows nothing of a result that was withdrawn, and one that failed nothing of a former one', async () => {
  for (const uid of ['1.2', '1.3']) await addStudy(database, { uid, state: 'flagged' });
  await database.pool.query(
    `UPDATE study SET state = CASE study_instance_uid WHEN '1.2' THEN 'receiving' ELSE 'failed' END, error_code = 'INFERENCE_FAILED'`,
  );
  const shown = await findStudies(database, ['1.2', '1.3']);
  expect(shown.map(({ state, error, findings }) => [state, error, findings]).sort()).toEqual([
    ['failed', 'INFERENCE_FAILED', null],
    ['receiving', null, null],
  ]);
});
