/**
 * Property of completion: whatever the order of arrivals, repetitions, associations' ends and sweeps, a study is queued
 * exactly once per round of arrivals, and exactly when the rule says so. The statements of the index run on a real PostgreSQL
 * against a model in twenty lines; time passes by moving the stored times back.
 */

import { insertInstances } from '@ichor/receiver/completion/insertInstances';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { closeStudies, completeStudies, keepStudiesOpen } from '@ichor/store/rows/completion';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { silentLog, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { CT_IMAGE } from '../support/studies.ts';

/** So long that the time a test takes does not matter beside them. */
const TIMES = { quietPeriodMs: 10_000_000, maxAgeMs: 100_000_000 };
const OPEN_AHEAD_MS = 3_000_000;
const STUDIES = ['1.2.1', '1.2.2'];

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: '.' }, silentLog);
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});

type Step =
  | { readonly kind: 'arrive'; readonly study: string; readonly slices: readonly number[]; readonly open: boolean }
  | { readonly kind: 'alive'; readonly study: string }
  | { readonly kind: 'end'; readonly study: string }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'sweep' };

const study = fc.constantFrom(...STUDIES);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('arrive' as const),
    study,
    slices: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
    open: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('alive' as const, 'end' as const), study }),
  fc.record({
    kind: fc.constant('wait' as const),
    ms: fc.constantFrom(2_000_000, 4_000_000, 11_000_000, 60_000_000),
  }),
  fc.constant({ kind: 'sweep' as const }),
);

/** What the rule says, in virtual time. */
type Modelled = { slices: Set<number>; open: boolean; last: number; since: number; until: number; request: number };

function modelOf() {
  const known = new Map<string, Modelled>();
  let now = 0;
  const apply = (one: Exclude<Step, { kind: 'sweep' }>): void => {
    if (one.kind === 'wait') {
      now += one.ms;
      return;
    }
    const found = known.get(one.study);
    if (one.kind === 'arrive') {
      const it = found ?? { slices: new Set(), open: true, last: now, since: now, until: -1, request: 0 };
      const isNew = one.slices.some((slice) => !it.slices.has(slice));
      known.set(one.study, it);
      if (!isNew) return;
      for (const slice of one.slices) it.slices.add(slice);
      if (!it.open) it.since = now;
      it.open = true;
      it.last = now;
      if (one.open) it.until = Math.max(it.until, now + OPEN_AHEAD_MS);
    } else if (found !== undefined) {
      if (one.kind === 'end') found.until = Math.min(found.until, now);
      else if (found.open) found.until = now + OPEN_AHEAD_MS;
    }
  };
  const sweep = (): string[] => {
    const due = [...known].filter(
      ([, it]) =>
        it.open && ((it.last <= now - TIMES.quietPeriodMs && it.until <= now) || it.since <= now - TIMES.maxAgeMs),
    );
    for (const [, it] of due) {
      it.open = false;
      it.request++;
    }
    return due.map(([uid, it]) => `${uid}-${it.request}`).sort();
  };
  return { apply, sweep };
}

async function applyToDatabase(one: Exclude<Step, { kind: 'sweep' }>): Promise<void> {
  if (one.kind === 'arrive') return arrive(one.study, one.slices, one.open);
  if (one.kind === 'alive') return keepStudiesOpen(database, [one.study], OPEN_AHEAD_MS);
  if (one.kind === 'end') return closeStudies(database, [one.study], 0);
  await database.pool.query(
    `UPDATE study SET last_instance_at = last_instance_at - $1 * interval '1 millisecond',
       open_since = open_since - $1 * interval '1 millisecond',
       association_open_until = association_open_until - $1 * interval '1 millisecond'`,
    [one.ms],
  );
}

const nobody = {
  accessionNumber: null,
  patientId: null,
  patientName: null,
  studyDate: null,
  studyDescription: null,
  modality: 'CT',
  seriesDescription: null,
  requestedProcedurePriority: null,
};
const arrive = (studyInstanceUid: string, slices: readonly number[], open: boolean): Promise<void> =>
  insertInstances(
    database,
    slices.map((slice) => ({
      spoolPath: `${studyInstanceUid}/${slice}`,
      studyInstanceUid,
      seriesInstanceUid: `${studyInstanceUid}.1`,
      sopInstanceUid: `${studyInstanceUid}.1.${slice}`,
      sopClassUid: CT_IMAGE,
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      sizeBytes: 1,
      callingAeTitle: 'CT',
      header: nobody,
      priority: 3,
    })),
    () => open,
    OPEN_AHEAD_MS,
  );

const sweepDatabase = async (): Promise<string[]> =>
  (await completeStudies(database, TIMES)).map((due) => `${due.studyInstanceUid}-${due.request}`).sort();

test('each study is queued exactly once per round of arrivals, and exactly when the rule says so', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await database.pool.query('TRUNCATE study CASCADE');
      const model = modelOf();
      for (const one of steps) {
        if (one.kind === 'sweep') {
          expect(await sweepDatabase()).toEqual(model.sweep());
        } else {
          model.apply(one);
          await applyToDatabase(one);
        }
      }
      expect(await sweepDatabase()).toEqual(model.sweep());
      expect(await sweepDatabase()).toEqual([]);
    }),
    { numRuns: 60, seed: 5611 },
  );
});

test('sweeps of several receivers at the same time complete a study once', async () => {
  await database.pool.query('TRUNCATE study CASCADE');
  for (const uid of STUDIES) await arrive(uid, [1, 2], false);
  await applyToDatabase({ kind: 'wait', ms: 2 * TIMES.quietPeriodMs });
  const sweeps = await Promise.all(Array.from({ length: 8 }, sweepDatabase));
  expect(sweeps.flat().sort()).toEqual(STUDIES.map((uid) => `${uid}-1`));
});
