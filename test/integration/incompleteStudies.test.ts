/**
 * Studies that instances are known to be missing of, from the receiver's notes to what people are told: real statements on a real
 * PostgreSQL, and phantoms that an inference without a model calls clear or positive. Time passes by moving the stored times back.
 */

import type { Inference } from '@ichor/analysis/inference/inference';
import { writeArrivals } from '@ichor/receiver/completion/arrivals';
import { insertInstances } from '@ichor/receiver/completion/insertInstances';
import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES, type Findings } from '@ichor/shared/study';
import { objectStore } from '@ichor/store/files/openStores';
import type { Database } from '@ichor/store/postgres/database';
import { completeStudies } from '@ichor/store/rows/completion';
import type { Loss } from '@ichor/store/rows/lostInstance';
import type { Transfer } from '@ichor/store/rows/transfer';
import { findStudy, resultView } from '@ichor/store/studyView';
import { answerFor } from '@ichor/worker/incomplete';
import { writeOru } from '@ichor/worker/notification/hl7Message';
import { writeLetter } from '@ichor/worker/notification/mail';
import { writeDueObjects } from '@ichor/worker/objects/writeDueObjects';
import { triageStudy } from '@ichor/worker/triageStudy';
import { studyDetail } from '@ichor/worklist/studyDetail';
import { StudyViewSchema } from '@ichor/worklist/studySchema';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crashing, finding, openTriageBench, type TriageBench } from '../support/triage.ts';

const TIMES = { quietPeriodMs: 10_000_000, maxAgeMs: 100_000_000 };

let bench: TriageBench;
let database: Database;
beforeAll(async () => {
  bench = await openTriageBench();
  database = bench.database;
});
afterAll(() => bench?.stop());

const nothing = Object.fromEntries(
  FINDING_CLASSES.map((name) => [name, { score: 0.01, threshold: 0.5, present: false }]),
) as Findings;
/** Every stack shows no hemorrhage. */
const clear: Inference = {
  ...finding,
  analyse: async (...args) => ({
    ...(await finding.analyse(...args)),
    findings: nothing,
    keySlices: [],
    keySliceImages: [],
  }),
};

/** A study as the receiver leaves it, open. */
async function arrived(seed: number): Promise<string> {
  const { studyInstanceUid } = await bench.addStudy(seed);
  await database.pool.query(
    "UPDATE study SET completion = 'open', request = 0, state = 'receiving', last_instance_at = now(), open_since = now() WHERE study_instance_uid = $1",
    [studyInstanceUid],
  );
  return studyInstanceUid;
}

async function wait(study: string, ms: number): Promise<void> {
  await database.pool.query(
    `UPDATE study SET last_instance_at = last_instance_at - $2 * interval '1 millisecond', open_since = open_since - $2 * interval '1 millisecond'
      WHERE study_instance_uid = $1`,
    [study, ms],
  );
}

/** Completes what is due, and runs its job. @returns whether there was one */
async function work(study: string, inference: Inference): Promise<boolean> {
  const [due] = await completeStudies(database, TIMES, [study]);
  if (due !== undefined) await triageStudy(bench.context({ inference }), due, true);
  return due !== undefined;
}

const loss = (study: string, slice: number): Loss => ({
  studyInstanceUid: study,
  seriesInstanceUid: null,
  sopInstanceUid: `1.9.${slice}`,
  commandUid: `1.9.${slice}`,
  studyKnown: true,
  hasName: true,
  isCertain: true,
  canBeCtSlice: true,
  callingAeTitle: 'CTSCANNER',
  code: 'DATASET_UNREADABLE',
  atMs: performance.now(),
});
const lose = (study: string, ...slices: readonly number[]) =>
  write({ losses: slices.map((slice) => loss(study, slice)) });
const write = (some: { losses?: readonly Loss[]; ended?: readonly Transfer[]; open?: readonly Transfer[] }) =>
  writeArrivals(database, { losses: [], ended: [], open: [], ...some }, TIMES, { ms: Number.NaN });
const transfer = (study: string, released: boolean | null): Transfer => ({
  transferId: `t ${study} ${performance.now()}`,
  openedAtMs: performance.now(),
  series: new Map([[`${study}.1`, study]]),
  ended: released === null ? null : { atMs: performance.now(), released },
});
/** The missing instance comes, as the index writes it. */
async function come(study: string, slice: number): Promise<void> {
  const { rows } = await database.pool.query('SELECT * FROM instance WHERE study_instance_uid = $1 LIMIT 1', [study]);
  const instance = {
    spoolPath: rows[0].spool_path,
    studyInstanceUid: study,
    seriesInstanceUid: rows[0].series_instance_uid,
    sopInstanceUid: `1.9.${slice}`,
    sopClassUid: rows[0].sop_class_uid,
    transferSyntaxUid: rows[0].transfer_syntax_uid,
    sizeBytes: 1,
    callingAeTitle: 'CTSCANNER',
    priority: 3,
    header: {
      accessionNumber: null,
      patientId: null,
      patientName: null,
      studyDate: null,
      studyDescription: null,
      modality: 'CT',
      seriesDescription: null,
      requestedProcedurePriority: null,
    },
  };
  await insertInstances(database, [instance], () => false, 0);
}

const revisions = async (study: string): Promise<string[]> => {
  const { rows } = await database.pool.query(
    "SELECT concat_ws(' ', state, reason->>'code', reason->>'detail') AS r FROM result WHERE study_instance_uid = $1 ORDER BY revision",
    [study],
  );
  return rows.map((row) => row.r);
};
const shown = async (study: string) => StudyViewSchema.parse(await findStudy(database, study));

test('a study that misses instances and shows nothing waits without a result, up to its maximum age, and is not analysed then', async () => {
  const study = await arrived(1);
  await lose(study, 1, 2, 3, 4);
  await wait(study, TIMES.quietPeriodMs + 1);
  expect(await work(study, clear)).toBe(true);
  expect(await shown(study)).toMatchObject({
    state: 'receiving',
    findings: null,
    revision: 0,
    incomplete: { missingInstances: 4, brokenOffSeries: 0 },
  });
  await wait(study, TIMES.quietPeriodMs + 1);
  expect(await work(study, clear)).toBe(false);
  await wait(study, TIMES.maxAgeMs);
  expect(await work(study, clear)).toBe(true);
  expect(await revisions(study)).toEqual(['not-analysed incomplete-study 4 instances missing']);
  expect(await shown(study)).toMatchObject({
    state: 'not-analysed',
    reason: { code: 'incomplete-study' },
    findings: null,
  });
  const { rows } = await database.pool.query(
    'SELECT object_path FROM derived_object JOIN result USING (result_id) WHERE study_instance_uid = $1',
    [study],
  );
  expect(rows).toHaveLength(1);
});

test('when what is missing comes, the ordinary analysis runs, and the study is clear', async () => {
  const study = await arrived(2);
  await lose(study, 11, 12);
  await write({ ended: [transfer(study, false)] });
  await wait(study, TIMES.quietPeriodMs + 1);
  await work(study, clear);
  await come(study, 11);
  await come(study, 12);
  expect(await work(study, clear)).toBe(false);
  expect((await shown(study)).incomplete).toEqual({ missingInstances: 0, brokenOffSeries: 1 });
  await write({ ended: [transfer(study, true)] });
  expect(await work(study, clear)).toBe(true);
  expect(await revisions(study)).toEqual(['clear']);
  expect(await shown(study)).toMatchObject({ state: 'clear', incomplete: null });
});

test('after the end at the maximum age, too, what comes late makes the answer', async () => {
  const study = await arrived(3);
  await write({ ended: [transfer(study, false)] });
  await wait(study, TIMES.maxAgeMs);
  await work(study, clear);
  await write({ ended: [transfer(study, true)] });
  expect(await work(study, clear)).toBe(true);
  expect(await revisions(study)).toEqual([
    'not-analysed incomplete-study an unknown number of instances missing, 1 series whose transfer broke off',
    'clear',
  ]);
});

test('a positive study is flagged at once and told to be incomplete everywhere; once it is whole it is told so', async () => {
  const study = await arrived(4);
  await lose(study, 21, 22, 23);
  await wait(study, TIMES.quietPeriodMs + 1);
  await work(study, finding);
  const view = await shown(study);
  expect(view).toMatchObject({ state: 'flagged', incomplete: { missingInstances: 3, brokenOffSeries: 0 } });
  const { rows } = await database.pool.query('SELECT result_id FROM study WHERE study_instance_uid = $1', [study]);
  const content = await resultView(database, Number(rows[0].result_id));
  const envelope = { app: 'RIS', facility: '', controlId: 'X', createdAt: new Date(), correction: false };
  expect(writeOru(content, envelope)).toContain('Incomplete study: 3 instances missing.');
  expect(content.study.incomplete).toEqual({ missingInstances: 3, brokenOffSeries: 0 });
  expect(writeLetter(content.study, null).text).toContain('The study is incomplete: 3 instances missing.');
  const report = (await studyDetail({ database, objects: objectStore(bench) }, study, null)).report;
  expect(report.map(({ value }) => value).join(' ')).toContain('INCOMPLETE: 3 instances missing.');
  for (const slice of [21, 22, 23]) await come(study, slice);
  await work(study, finding);
  expect(await revisions(study)).toEqual(['flagged', 'flagged']);
  expect(await shown(study)).toMatchObject({ state: 'flagged', incomplete: null });
});

test('its report is the same when another worker makes it from the spool', async () => {
  const study = await arrived(5);
  await lose(study, 31);
  await wait(study, TIMES.quietPeriodMs + 1);
  const [due] = await completeStudies(database, TIMES, [study]);
  const dying = { ...database, pool: { query: failingOn(/objects_attempts \+ 1/) } };
  await triageStudy(bench.context({ database: dying, inference: finding }), due!, true);
  await database.pool.query('UPDATE result SET objects_due_at = now() WHERE study_instance_uid = $1', [study]);
  await writeDueObjects(bench.context(), () => false);
  const { rows } = await database.pool.query('SELECT objects FROM result WHERE study_instance_uid = $1', [study]);
  expect(rows).toEqual([{ objects: 'written' }]);
  const report = (await studyDetail({ database, objects: objectStore(bench) }, study, null)).report;
  expect(report.map(({ value }) => value).join(' ')).toContain('INCOMPLETE: 1 instance missing.');
});

const failingOn =
  (statement: RegExp): Database['pool']['query'] =>
  async (text, values) => {
    if (statement.test(text)) throw new Error('the worker dies');
    return database.pool.query(text, values);
  };

test('a clear result is withdrawn at once when a loss is noted, its report with it, and a new revision says so without waiting', async () => {
  const study = await arrived(6);
  await wait(study, TIMES.quietPeriodMs + 1);
  await work(study, clear);
  expect((await shown(study)).state).toBe('clear');
  await database.pool.query(
    `INSERT INTO notification (kind, destination, study_instance_uid, result_id, revision, urgent)
     SELECT 'hl7', 'RIS', study_instance_uid, result_id, 1, false FROM study WHERE study_instance_uid = $1`,
    [study],
  );
  await lose(study, 41);
  expect(await shown(study)).toMatchObject({ state: 'receiving', findings: null, incomplete: { missingInstances: 1 } });
  expect((await studyDetail({ database, objects: objectStore(bench) }, study, null)).report).toEqual([]);
  expect(await work(study, clear)).toBe(true);
  expect(await revisions(study)).toEqual(['clear', 'not-analysed incomplete-study 1 instance missing']);
  const { rows } = await database.pool.query('SELECT 1 FROM notification WHERE study_instance_uid = $1', [study]);
  expect(rows).toEqual([]);
  await come(study, 41);
  await work(study, clear);
  expect((await shown(study)).state).toBe('clear');
});

test('a loss that is noted while the job runs, up to the very transaction of its result, keeps the study from being clear', async () => {
  for (const [seed, moment] of [
    [7, 'analysis'],
    [8, 'transaction'],
  ] as const) {
    const study = await arrived(seed);
    await wait(study, TIMES.quietPeriodMs + 1);
    const [due] = await completeStudies(database, TIMES, [study]);
    const noting: Inference = {
      ...clear,
      async analyse(...args) {
        if (moment === 'analysis') await lose(study, 50 + seed);
        return clear.analyse(...args);
      },
    };
    const racing: Database = {
      ...database,
      async transaction(run) {
        const result = await database.transaction(async (client) => {
          const lost = lose(study, 50 + seed);
          const done = await run(client);
          return { done, lost };
        });
        await result.lost;
        return result.done;
      },
    };
    await triageStudy(
      bench.context({ database: moment === 'transaction' ? racing : database, inference: noting }),
      due!,
      true,
    );
    expect((await shown(study)).state).not.toBe('clear');
    while (await work(study, clear));
    expect((await shown(study)).state).not.toBe('clear');
  }
});

test('an association that is still open keeps a study from being clear when a person asks for it, and its end has it decided', async () => {
  const study = await arrived(9);
  const open = transfer(study, null);
  await write({ open: [open] });
  await triageStudy(bench.context({ inference: clear }), await bench.again(study), true);
  expect((await shown(study)).state).toBe('receiving');
  await write({ ended: [{ ...open, ended: { atMs: performance.now(), released: true } }] });
  await wait(study, TIMES.quietPeriodMs + 1);
  expect(await work(study, clear)).toBe(true);
  expect((await shown(study)).state).toBe('clear');
});

test('a transfer of a receiver that was killed counts as soon as its signs of life end', async () => {
  const study = await arrived(10);
  await write({ open: [transfer(study, null)] });
  await database.pool.query(
    "UPDATE transfer SET seen_at = now() - interval '3 seconds' WHERE study_instance_uid = $1",
    [study],
  );
  await wait(study, TIMES.quietPeriodMs + 1);
  await work(study, clear);
  expect(await shown(study)).toMatchObject({
    state: 'receiving',
    incomplete: { missingInstances: 0, brokenOffSeries: 1 },
  });
  await write({ ended: [transfer(study, true)] });
  expect(await work(study, clear)).toBe(true);
  expect((await shown(study)).state).toBe('clear');
});

test('an analysis that fails is told to be failed, at once', async () => {
  const study = await arrived(11);
  await lose(study, 61);
  await wait(study, TIMES.quietPeriodMs + 1);
  const [due] = await completeStudies(database, TIMES, [study]);
  const context = bench.context({ inference: crashing });
  await expect(triageStudy(context, due!, true)).rejects.toThrow(IchorError);
  await triageStudy(context, due!, true);
  expect(await shown(study)).toMatchObject({ state: 'failed', incomplete: { missingInstances: 1 } });
});

test('whatever is missing, no answer is ever clear, and a positive one is never held back', () => {
  const count = fc.nat({ max: 5 });
  fc.assert(
    fc.property(
      fc.constantFrom('flagged', 'clear', 'not-analysed', 'failed'),
      fc.record({ missingInstances: count, brokenOffSeries: count }),
      fc.record({ isUnderWay: fc.boolean(), isFinal: fc.boolean(), wasClear: fc.boolean() }),
      (state, incomplete, rest) => {
        const result = { state, inputDigest: 'x', series: [], reason: null } as unknown as Parameters<
          typeof answerFor
        >[0];
        const answer = answerFor(result, { incomplete, ...rest });
        const said = answer === 'wait' ? 'wait' : answer.state;
        expect(said).not.toBe('clear');
        if (state === 'flagged' || state === 'failed') expect(said).toBe(state);
        if (rest.isFinal) expect(said).not.toBe('wait');
      },
    ),
  );
});
