/**
 * The main job in a hospital's shape: a scanner sends to Orthanc, Orthanc forwards to Ichor, and the Structured Report and
 * the heat maps come back into the same study of Orthanc, committed, without looping.
 */
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StudyView } from '@ichor/shared';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  eventually,
  freePort,
  type IchorProcess,
  runIchor,
  startIchor,
  studyView,
  untilReady,
  untilResult,
} from '../support/ichor.ts';
import { type Orthanc, startOrthanc } from '../support/orthanc.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

type Hospital = { readonly orthanc: Orthanc; readonly httpPort: number; stop(): Promise<void> };

const phantomFolders: WorkFolder[] = [];
afterAll(() => Promise.all(phantomFolders.map((folder) => folder.remove())));

const SR = '1.2.840.10008.5.1.4.1.1.88.34';
const SC = '1.2.840.10008.5.1.4.1.1.7';

describe('all roles in one process on the embedded database', () => {
  let hospital: Hospital;
  beforeAll(async () => {
    hospital = await openHospital([[]]);
  });
  afterAll(() => hospital?.stop());

  test('a phantom with a bleed, auto-forwarded by Orthanc, comes back flagged with report and heat maps in its own study', async () => {
    const study = await phantomThrough(hospital, 'bleed', ['subdural', 'intraparenchymal']);
    expect(study.state).toBe('flagged');
    expect(study.findings?.any.present).toBe(true);
    await expectCommitted(hospital, study.studyInstanceUid, [SR, SC]);
  });

  test('a phantom without a bleed comes back clear with a report and no heat map', async () => {
    const study = await phantomThrough(hospital, 'normal', []);
    expect(study.state).toBe('clear');
    await expectCommitted(hospital, study.studyInstanceUid, [SR]);
  });

  test('what Ichor wrote does not come back in when the PACS forwards the whole study again', async () => {
    const [study] = await studies(hospital);
    const before = await studyView(hospital.httpPort, study!.studyInstanceUid);
    await hospital.orthanc.post('/modalities/ichor/store', {
      Resources: [await orthancStudy(hospital, study!.studyInstanceUid)],
      Synchronous: true,
    });
    await eventually(
      'the study is quiet again',
      async () => (await studyView(hospital.httpPort, study!.studyInstanceUid))?.times.complete,
    );
    const after = await studyView(hospital.httpPort, study!.studyInstanceUid);
    expect(after?.receivedInstances).toBe(before?.receivedInstances);
    expect(after?.revision).toBe(before?.revision);
  });

  describeWithSharedData('with the real head CT of ../shared', () => {
    test('a real, tilted head CT with uneven gaps and no hemorrhage ends clear or not-analysed, with its report in the PACS', async () => {
      const folder = sharedData('head-ct-ge');
      const files = (await readdir(folder)).filter((name) => name.endsWith('.dcm')).map((name) => join(folder, name));
      scan(hospital, files);
      const study = await untilFirstResult(
        hospital,
        new Set((await studies(hospital)).map((one) => one.studyInstanceUid)),
      );
      expect(['clear', 'not-analysed']).toContain(study.state);
      expect(study.receivedInstances).toBe(files.length);
      await expectCommitted(hospital, study.studyInstanceUid, [SR]);
    });
  });
});

describe('Redis as queue, two workers, receiver and worklist, each a process of its own', () => {
  let hospital: Hospital;
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
    hospital = await openHospital([['receiver'], ['worker'], ['worker'], ['worklist']], { ICHOR_QUEUE_URL: redis.url });
  });
  afterAll(async () => {
    await hospital?.stop();
    await redis?.stop();
  });

  test('several studies at once are each analysed once, reported once and committed', async () => {
    const sent = await Promise.all(
      [1, 2, 3].map((number) => makePhantom(`many-${number}`, number === 2 ? [] : ['subdural'])),
    );
    for (const { files } of sent) scan(hospital, files);
    for (const { studyInstanceUid } of sent) {
      const study = await untilResult(hospital.httpPort, studyInstanceUid);
      expect(study.state).not.toBe('failed');
      await expectCommitted(hospital, studyInstanceUid, [SR]);
      const reports = await instancesOf(hospital, studyInstanceUid, SR);
      expect(reports).toHaveLength(1);
    }
  });
});

async function openHospital(
  processes: readonly (readonly string[])[],
  env: Record<string, string> = {},
): Promise<Hospital> {
  const folder = await openWorkFolder('hospital');
  const [dicomPort, httpPort, pacsDicom, pacsHttp] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const orthanc = await startOrthanc({
    dir: join(folder.path, 'pacs'),
    dicomPort: pacsDicom,
    httpPort: pacsHttp,
    ichorPort: dicomPort,
    autoForward: true,
  });
  const settings = {
    ICHOR_DATA_DIR: join(folder.path, 'data'),
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_DESTINATIONS: `HOSPPACS@127.0.0.1:${pacsDicom}`,
    ICHOR_QUIET_PERIOD_MS: '2000',
    ...env,
  };
  const running: IchorProcess[] = processes.map((roles) => startIchor(roles, settings));
  await untilReady(httpPort).catch((error) => {
    throw new Error(`${error.message}\n${running.map((one) => one.output()).join('\n')}`);
  });
  return {
    orthanc,
    httpPort,
    async stop() {
      for (const one of running.reverse()) await one.stop();
      await orthanc.stop();
      await folder.remove();
    },
  };
}

/** Made by the command line in a process of its own; a salt makes it another study each time. */
async function makePhantom(
  name: string,
  bleeds: readonly string[],
): Promise<{ studyInstanceUid: string; files: string[] }> {
  const folder = await openWorkFolder(`phantom-${name}`);
  phantomFolders.push(folder);
  const options = {
    seed: 9_000 + name.length,
    bleed: bleeds.join(',') || 'none',
    slices: 24,
    matrix: 256,
    'uid-salt': `${name} ${Date.now()}`,
  };
  const made = await runIchor([
    'phantom',
    '--out',
    folder.path,
    ...Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]),
  ]);
  if (made.code !== 0) throw new Error(`ichor phantom: ${made.stderr}`);
  const [header = '', first = ''] = (await readFile(join(folder.path, 'labels.csv'), 'utf8')).split('\n');
  const files = (await readdir(folder.path))
    .filter((file) => file.endsWith('.dcm'))
    .map((file) => join(folder.path, file));
  return { studyInstanceUid: first.split(',')[header.split(',').indexOf('studyInstanceUid')]!, files };
}

/** As a scanner does: C-STORE to the PACS with dcmtk. */
function scan({ orthanc }: Hospital, files: readonly string[]): void {
  const sent = spawnSync(
    'storescu',
    ['-R', '-aet', 'CTSCANNER', '-aec', orthanc.aeTitle, '127.0.0.1', String(orthanc.dicomPort), ...files],
    { encoding: 'utf8' },
  );
  if (sent.status !== 0) throw new Error(`storescu: ${sent.stderr}`);
}

async function phantomThrough(hospital: Hospital, name: string, bleeds: readonly string[]): Promise<StudyView> {
  const { studyInstanceUid, files } = await makePhantom(name, bleeds);
  scan(hospital, files);
  return untilResult(hospital.httpPort, studyInstanceUid);
}

async function studies({ httpPort }: Hospital): Promise<StudyView[]> {
  const answer = (await (await fetch(`http://127.0.0.1:${httpPort}/api/studies`)).json()) as { studies: StudyView[] };
  return answer.studies;
}

const untilFirstResult = (hospital: Hospital, known: ReadonlySet<string>) =>
  eventually(
    'a new study with a result',
    async () => (await studies(hospital)).find((one) => !known.has(one.studyInstanceUid) && one.revision > 0),
    120_000,
  );

async function orthancStudy({ orthanc }: Hospital, studyInstanceUid: string): Promise<string> {
  const [id] = await orthanc.post<string[]>('/tools/find', {
    Level: 'Study',
    Query: { StudyInstanceUID: studyInstanceUid },
  });
  return id!;
}

/** SOP Instance UIDs of one SOP Class in a study of the PACS. */
async function instancesOf(hospital: Hospital, studyInstanceUid: string, sopClassUid: string): Promise<string[]> {
  const found = await hospital.orthanc.post<{ MainDicomTags: Record<string, string> }[]>('/tools/find', {
    Level: 'Instance',
    Query: { StudyInstanceUID: studyInstanceUid, SOPClassUID: sopClassUid },
    Expand: true,
  });
  return found.map((instance) => instance.MainDicomTags['SOPInstanceUID']!);
}

/** Every delivery is committed, and each SOP Class is in the PACS under the source's study. */
async function expectCommitted(
  hospital: Hospital,
  studyInstanceUid: string,
  sopClasses: readonly string[],
): Promise<void> {
  const study = await eventually('storage commitment of every object', async () => {
    const view = await studyView(hospital.httpPort, studyInstanceUid);
    return view !== null && view.deliveries.length > 0 && view.deliveries.every((one) => one.state === 'committed')
      ? view
      : null;
  });
  for (const sopClassUid of sopClasses) {
    const kind = sopClassUid === SR ? 'SR' : 'SC';
    const expected = study.deliveries.filter((one) => one.object === kind).map((one) => one.sopInstanceUid);
    expect((await instancesOf(hospital, studyInstanceUid, sopClassUid)).sort()).toEqual(expected.sort());
    expect(expected.length).toBeGreaterThan(0);
  }
}
