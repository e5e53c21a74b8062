/** Any text that a peer, a file or a person sends, on every way into the database, and out again to report and HL7. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { forgiveAttempts, takeAttempt } from '@ichor/accounts/attempts';
import { keepRequest } from '@ichor/accounts/oidcRequests';
import { openSession } from '@ichor/accounts/sessions';
import { readPart10 } from '@ichor/dicom/readPart10';
import { insertInstances } from '@ichor/receiver/completion/insertInstances';
import { jsonb } from '@ichor/shared/storable';
import { requestTriage } from '@ichor/store/outbox/requestTriage';
import { saveResult } from '@ichor/store/outbox/saveResult';
import type { TriageJob } from '@ichor/store/queue/jobs';
import { upsertOidcAccount } from '@ichor/store/rows/account';
import { listAudit, writeAudit } from '@ichor/store/rows/audit';
import { markDead, postpone } from '@ichor/store/rows/delivery';
import { claimObjects, markUnwritable, postponeObjects } from '@ichor/store/rows/dueObjects';
import { addFeedback } from '@ichor/store/rows/feedback';
import { openIncidents } from '@ichor/store/rows/incident';
import * as notifications from '@ichor/store/rows/notification';
import { claimStudy, markFailed } from '@ichor/store/rows/shownResult';
import { listStudies } from '@ichor/store/studyPage';
import { findStudies, resultView } from '@ichor/store/studyView';
import { answerFor } from '@ichor/worker/incomplete';
import { writeOru } from '@ichor/worker/notification/hl7Message';
import { triageStudy } from '@ichor/worker/triageStudy';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { requirePeer } from '../support/peers.ts';
import { silentLog } from '../support/postgres.ts';
import { CT_IMAGE } from '../support/studies.ts';
import { openTriageBench, type TriageBench } from '../support/triage.ts';
import { FINDINGS } from '../support/worklistRows.ts';

let bench: TriageBench;
beforeAll(async () => {
  bench = await openTriageBench();
});
afterAll(() => bench?.stop());

const ODD = [
  '\0',
  '\ud800',
  '\udc00\ud800',
  '\uffff',
  '\u001b[31m',
  '\\',
  '\\u0000',
  '"',
  "'",
  '\r\n',
  '\u0085',
  'é',
  '字',
];
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: 'binary', maxLength: 3 }))).map((all) => all.join('')),
  fc.constantFrom(...ODD).map((odd) => odd.repeat(3_000)),
);
const LANE = { kind: 'hl7', destination: 'ris:2575' } as const;
let made = 0;

test('any text is stored on every way into the database', async () => {
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      const study = `1.2.840.${++made}`;
      const resultId = await resultWith(study, text);
      await deliveryWith(resultId, study, text);
      await notificationWith(text);
      await peopleWith(study, text);
      const incidents = openIncidents(bench.database, silentLog);
      incidents.record({ code: text, message: text, studyInstanceUid: study, callingAeTitle: text });
      await incidents.close();
      const { rows } = await bench.database.pool.query('SELECT message FROM incident WHERE study_instance_uid = $1', [
        study,
      ]);
      expect(rows).toEqual([{ message: text.replaceAll('\0', '').toWellFormed() }]);
    }),
    { numRuns: 25 },
  );
});

test('any JSON value is stored as jsonb', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.jsonValue({ stringUnit: 'binary', noUnicodeString: false } as object),
      anyText,
      async (value, text) => {
        const { rows } = await bench.database.pool.query('SELECT $1::jsonb AS value', [jsonb([value, text])]);
        expect(rows[0].value[1]).toBe(text.replaceAll('\0', '').toWellFormed());
      },
    ),
    { numRuns: 25 },
  );
});

/** Index rows, result and what the API shows of them. */
async function resultWith(study: string, text: string): Promise<number> {
  const header = {
    accessionNumber: text,
    patientId: text,
    patientName: text,
    studyDate: text,
    studyDescription: text,
    modality: text,
    seriesDescription: text,
    requestedProcedurePriority: text,
  };
  const uids = { studyInstanceUid: study, seriesInstanceUid: `${study}.1`, sopInstanceUid: `${study}.1.1` };
  const instance = {
    ...uids,
    header,
    spoolPath: `${study}/${text}`.slice(0, 500),
    sopClassUid: CT_IMAGE,
    transferSyntaxUid: '1.2',
    sizeBytes: 1,
    callingAeTitle: text,
    priority: 3,
  };
  await insertInstances(bench.database, [instance], () => false, 0);
  const { job } = await requestTriage(bench.database, study);
  const claimed = await claimStudy(bench.database, job, true);
  const reason = { code: 'no-head-ct', sentence: text, detail: text } as const;
  const { saved } = await saveResult(
    bench.database,
    job,
    claimed!,
    {
      studyInstanceUid: study,
      inputDigest: text.slice(0, 100),
      model: { name: text, version: text, sha256: 'ab' },
      state: 'flagged',
      reason: null,
      findings: FINDINGS,
      keySlices: [],
      sliceScores: [],
      heatmaps: [],
      series: [{ seriesInstanceUid: `${study}.1`, description: text, instances: 1, reason }],
      errorCode: null,
    },
    null,
    [LANE],
    answerFor,
  );
  const { resultId } = saved!;
  const objects = await claimObjects(bench.database, resultId);
  await postponeObjects(bench.database, objects!, text, 0, true);
  await markUnwritable(bench.database, objects!, text);
  await markFailed(bench.database, job, text);
  const [shown] = await findStudies(bench.database, [study]);
  expect(shown?.series[0]?.description).toBe(text.replaceAll('\0', '').toWellFormed());
  const found = { states: [], accessionNumber: text, withinHours: null, search: text, searchPatients: true, limit: 1 };
  await listStudies(bench.database, { ...found, after: null });
  writeOru(await resultView(bench.database, resultId), {
    app: 'RIS',
    facility: '',
    controlId: 'I1',
    createdAt: new Date(0),
    correction: false,
  });
  return resultId;
}

async function deliveryWith(resultId: number, study: string, text: string): Promise<void> {
  const uid = `${study}.9`;
  await bench.database.pool.query(
    `INSERT INTO derived_object (sop_instance_uid, result_id, kind, series_instance_uid, sop_class_uid, object_path) VALUES ($1, $2, 'SR', '1', '1', $3)`,
    [uid, resultId, text],
  );
  const { rows } = await bench.database.pool.query(
    'INSERT INTO delivery (result_id, sop_instance_uid, destination) VALUES ($1, $2, $3) RETURNING delivery_id',
    [resultId, uid, text],
  );
  const due = { deliveryId: Number(rows[0].delivery_id) } as Parameters<typeof markDead>[1];
  await postpone(bench.database, due, text, 0);
  await markDead(bench.database, due, text);
}

async function notificationWith(text: string): Promise<void> {
  const claimed = await notifications.claim(bench.database, LANE, 60_000);
  await notifications.postpone(bench.database, claimed!, text, 0);
  await notifications.markDead(bench.database, claimed!, text);
  await notifications.noteFault(bench.database, { kind: 'hl7', destination: text.slice(0, 300) });
}

async function peopleWith(study: string, text: string): Promise<void> {
  const { database } = bench;
  const person = {
    issuer: 'https://issuer',
    subject: study + text.slice(0, 255),
    name: text,
    displayName: text,
    role: 'viewer',
  } as const;
  const { accountId } = await upsertOidcAccount(database, person);
  await openSession(database, accountId, text);
  await keepRequest(database, { state: study + text, nonce: text, codeVerifier: text }, text);
  await takeAttempt(database, text.slice(0, 64), `10.0.0.${made}`);
  await forgiveAttempts(database, text.slice(0, 64), `10.0.0.${made}`);
  const given = { finding: 'any', verdict: 'agree', comment: text.slice(0, 2_000) } as const;
  await addFeedback(database, study, given, { name: text, displayName: text });
  const entry = {
    actor: text.slice(0, 64),
    actorKind: 'person',
    role: text,
    address: text,
    act: 'feedback',
    succeeded: true,
    studyInstanceUid: study,
    detail: text,
  } as const;
  await writeAudit(database, entry, true);
  const query = { studyInstanceUid: study, actor: text.slice(0, 64), before: null, limit: 1 };
  expect(await listAudit(database, query)).toHaveLength(1);
}

/** Attributes of free text, in the order of their tags. */
const ATTRIBUTES = {
  '0800,5000': 'SH',
  '0800,3010': 'LO',
  '0800,3e10': 'LO',
  '1000,1000': 'PN',
  '1000,2000': 'LO',
  '1800,3010': 'LO',
};

test.each([
  ['NUL', 'Head\0CT'],
  ['an escape sequence', '\u001b[31mHead\u001b(B'],
  ['half a surrogate pair, in UTF-8', Buffer.from([0x48, 0xed, 0xa0, 0x80, 0x54])],
  ['U+FFFF', 'Head\uffff'],
  ['a backspace and a carriage return', 'Head\b\rPID|1'],
  ['10 kB', 'H'.repeat(10_000)],
])(
  '%s in every attribute of free text leads to a result, a report that is valid, and an HL7 message',
  async (_, value) => {
    const job = await bench.addStudy(++made, { change: (bytes) => withTexts(bytes, Buffer.from(value as string)) });
    await triageStudy(bench.context(), job, true);
    const { rows } = await bench.database.pool.query(
      'SELECT s.state, s.result_id, r.objects FROM study s JOIN result r USING (result_id) WHERE s.study_instance_uid = $1',
      [job.studyInstanceUid],
    );
    expect(rows[0]).toMatchObject({ state: 'flagged', objects: 'written' });
    for (const file of await objects(job)) {
      const { stdout, stderr } = await promisify(execFile)(requirePeer('dciodvfy'), ['-new', file]).catch(
        (error) => error,
      );
      expect(`${stdout}${stderr}`).not.toMatch(/^Error/m);
      expect(readPart10(await readFile(file), file).dataset.text('PatientName')?.length ?? 0).toBeLessThanOrEqual(64);
    }
    const envelope = { app: 'RIS', facility: '', controlId: 'I1', createdAt: new Date(0), correction: false };
    const message = writeOru(await resultView(bench.database, Number(rows[0].result_id)), envelope);
    for (const segment of message.split('\r').slice(0, -1))
      expect(segment).toMatch(/^(MSH|PID|OBR|NTE|OBX)\|[^\p{Cc}]*$/u);
  },
);

async function objects({ studyInstanceUid }: TriageJob): Promise<string[]> {
  const folder = join(bench.dataDir, 'objects', studyInstanceUid);
  return (await readdir(folder)).map((name) => join(folder, name));
}

/** The value of each of {@link ATTRIBUTES} is replaced; one that is missing stays so. */
function withTexts(bytes: Buffer, value: Buffer): Buffer {
  const even = value.length % 2 === 0 ? value : Buffer.concat([value, Buffer.from(' ')]);
  let changed = bytes;
  for (const [tag, vr] of Object.entries(ATTRIBUTES)) {
    const head = Buffer.concat([Buffer.from(tag.replace(',', ''), 'hex'), Buffer.from(vr)]);
    const at = changed.indexOf(head, 132);
    if (at < 0) continue;
    const length = Buffer.alloc(2);
    length.writeUInt16LE(even.length);
    const end = at + 8 + changed.readUInt16LE(at + 6);
    changed = Buffer.concat([changed.subarray(0, at + 6), length, even, changed.subarray(end)]);
  }
  return changed;
}
