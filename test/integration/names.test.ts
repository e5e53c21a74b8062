/** A patient's name from the bytes of a scanner to everyone who reads it: report, heat map, HL7, worklist. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addPatients } from '@ichor/accounts/patients';
import { findStudies, resultView } from '@ichor/store/studyView';
import { writeOru } from '@ichor/worker/notification/hl7Message';
import { triageStudy } from '@ichor/worker/triageStudy';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runPython } from '../support/python.ts';
import { writerFor } from '../support/rawDataset.ts';
import { openTriageBench, type TriageBench } from '../support/triage.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');

/** Specific Character Set (null: there is none), the bytes of the name, and what everyone must read. */
const NAMES: readonly (readonly [set: string | null, bytes: Buffer, name: string])[] = [
  ['ISO_IR 100', latin1('Müller^Jürgen'), 'Müller^Jürgen'],
  ['ISO_IR 192', Buffer.from('Yamada^Tarou=山田^太郎=やまだ^たろう'), 'Yamada^Tarou=山田^太郎=やまだ^たろう'],
  ['ISO-IR 192', Buffer.from('Müller^Jürgen'), 'Müller^Jürgen'],
  ['ISO 2022 IR 192', Buffer.from('Łukasz^Żaneta'), 'Łukasz^Żaneta'],
  ['UTF-8', Buffer.from('Ångström^Åke'), 'Ångström^Åke'],
  [null, Buffer.from('Núñez^Íñigo'), 'Núñez^Íñigo'],
  [null, latin1('Núñez^José'), 'Núñez^José'],
  ['ISO_IR 100', Buffer.from('Иванов^Иван'), 'Иванов^Иван'],
  ['ISO_IR 192', latin1('Müller^Jürgen'), 'Müller^Jürgen'],
  ['ISO_IR 149', hex('c8ab 5e b1e6 b5bf'), '홍^길동'],
  ['ISO_IR 203', hex('a6bda4 5e 54657374'), 'Šœ€^Test'],
  ['windows-1251', hex('c8e2e0edeee2 5e c8'), 'Иванов^И'],
  ['\\ISO 2022 IR 87', latin1('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B'), 'Yamada^Tarou=山田^太郎'],
  ['GB18030', hex('cdf5 5e d0a1 b6ab'), '王^小东'],
];

let bench: TriageBench;
beforeAll(async () => {
  bench = await openTriageBench();
});
afterAll(() => bench?.stop());

/** Explicit VR: the element in another form, or left out. */
function replaced(bytes: Buffer, tag: number, vr: string, value: Buffer | null): Buffer {
  const { element } = writerFor('explicit');
  const head = element(tag, vr, Buffer.alloc(0)).subarray(0, 6);
  const at = bytes.indexOf(head, 132);
  const end = at + 8 + bytes.readUInt16LE(at + 6);
  const even = value && (value.length % 2 === 0 ? value : Buffer.concat([value, latin1(' ')]));
  return Buffer.concat([bytes.subarray(0, at), ...(even ? [element(tag, vr, even)] : []), bytes.subarray(end)]);
}

async function studyOf(seed: number, set: string | null, name: Buffer): Promise<string> {
  const job = await bench.addStudy(seed, {
    change: (bytes) =>
      replaced(replaced(bytes, 0x00080005, 'CS', set === null ? null : latin1(set)), 0x00100010, 'PN', name),
  });
  await triageStudy(bench.context(), job, true);
  return job.studyInstanceUid;
}

/** Each object's SOP Class, declared set and name, as pydicom reads them. */
async function objectsOf(studyInstanceUids: readonly string[]): Promise<Map<string, string[]>> {
  const folders = studyInstanceUids.map((uid) => join(bench.dataDir, 'objects', uid));
  const files = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))),
  );
  const printed = await runPython(
    `import json, sys, pydicom
found = {}
for path in sys.argv[1:]:
    ds = pydicom.dcmread(path)
    found.setdefault(ds.StudyInstanceUID, []).append(' | '.join([ds.Modality, ds.SpecificCharacterSet, str(ds.PatientName)]))
print(json.dumps(found))`,
    files.flat(),
  );
  return new Map(Object.entries(JSON.parse(printed)));
}

test('whatever set a scanner declares, rightly or not, the name arrives whole in report, heat map, HL7 and worklist', async () => {
  const uids: string[] = [];
  for (const [index, [set, bytes]] of NAMES.entries()) uids.push(await studyOf(100 + index, set, bytes));
  const objects = await objectsOf(uids);
  const listed = await addPatients(bench.database, await findStudies(bench.database, uids));
  const patients = new Map(listed.map((study) => [study.studyInstanceUid, study.patient]));
  for (const [index, [, , name]] of NAMES.entries()) {
    const uid = uids[index]!;
    expect(objects.get(uid)!.toSorted()).toEqual(
      expect.arrayContaining([`OT | ISO_IR 192 | ${name}`, `SR | ISO_IR 192 | ${name}`]),
    );
    expect(new Set(objects.get(uid)!.map((line) => line.split(' | ').slice(1).join())).size).toBe(1);
    expect(patients.get(uid)?.name).toBe(name);
    expect(await hl7Of(uid)).toEqual({ set: 'UNICODE UTF-8', name: xpnOf(name) });
  }
});

async function hl7Of(studyInstanceUid: string): Promise<{ set: string; name: string }> {
  const { rows } = await bench.database.pool.query('SELECT result_id FROM study WHERE study_instance_uid = $1', [
    studyInstanceUid,
  ]);
  const content = await resultView(bench.database, rows[0].result_id);
  const message = writeOru(content, {
    app: 'RIS',
    facility: 'F',
    controlId: '1',
    createdAt: new Date(0),
    correction: false,
  });
  const field = (segment: string, number: number): string =>
    message
      .split('\r')
      .find((line) => line.startsWith(segment))!
      .split('|')[number]!;
  return { set: field('MSH', 17), name: field('PID', 5) };
}

/** One repetition for each group, with the code of its representation where there are several (HL7 v2.5.1 §2.A.88). */
function xpnOf(name: string): string {
  const groups = name.split('=');
  return groups.map((group, index) => (groups.length > 1 ? `${group}^^^^^^${'AIP'[index]}` : group)).join('~');
}
