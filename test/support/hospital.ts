/**
 * A hospital around Ichor: Orthanc as PACS, which forwards head CT, and Ichor in one process or in several. A scanner sends
 * phantoms to the PACS by C-STORE.
 */
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { expect } from '@jest/globals';
import {
  type Api,
  eventually,
  freePort,
  type IchorProcess,
  openApi,
  runIchor,
  startIchor,
  studyView,
  untilResult,
} from './ichor.ts';
import { type Orthanc, startOrthanc } from './orthanc.ts';
import { openWorkFolder, type WorkFolder } from './workFolder.ts';

export type Hospital = { readonly orthanc: Orthanc; readonly api: Api; stop(): Promise<void> };

export const COMPREHENSIVE_3D_SR = '1.2.840.10008.5.1.4.1.1.88.34';
export const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';

const phantomFolders: WorkFolder[] = [];
/** To be called after the tests of a file. */
export const removePhantoms = () => Promise.all(phantomFolders.map((folder) => folder.remove()));

/** @param processes the roles of each process; none stands for all */
export async function openHospital(
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
  const api = await openApi(httpPort, settings).catch((error) => {
    throw new Error(`${error.message}\n${running.map((one) => one.output()).join('\n')}`);
  });
  return {
    orthanc,
    api,
    async stop() {
      for (const one of running.reverse()) await one.stop();
      await orthanc.stop();
      await folder.remove();
    },
  };
}

/** Made by the command line in a process of its own; a salt makes it another study each time. */
export async function makePhantom(
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
export function scan({ orthanc }: Hospital, files: readonly string[]): void {
  const sent = spawnSync(
    'storescu',
    ['-R', '-aet', 'CTSCANNER', '-aec', orthanc.aeTitle, '127.0.0.1', String(orthanc.dicomPort), ...files],
    { encoding: 'utf8' },
  );
  if (sent.status !== 0) throw new Error(`storescu: ${sent.stderr}`);
}

export async function phantomThrough(hospital: Hospital, name: string, bleeds: readonly string[]): Promise<StudyView> {
  const { studyInstanceUid, files } = await makePhantom(name, bleeds);
  scan(hospital, files);
  return untilResult(hospital.api, studyInstanceUid);
}

/** SOP Instance UIDs of one SOP Class in a study of the PACS. */
export async function instancesOf(
  hospital: Hospital,
  studyInstanceUid: string,
  sopClassUid: string,
): Promise<string[]> {
  const found = await hospital.orthanc.post<{ MainDicomTags: Record<string, string> }[]>('/tools/find', {
    Level: 'Instance',
    Query: { StudyInstanceUID: studyInstanceUid, SOPClassUID: sopClassUid },
    Expand: true,
  });
  return found.map((instance) => instance.MainDicomTags['SOPInstanceUID']!);
}

/** Every delivery is committed, and each SOP Class is in the PACS under the source's study. */
export async function expectCommitted(
  hospital: Hospital,
  studyInstanceUid: string,
  sopClasses: readonly string[],
): Promise<void> {
  const study = await eventually('storage commitment of every object', async () => {
    const view = await studyView(hospital.api, studyInstanceUid);
    return view !== null && view.deliveries.length > 0 && view.deliveries.every((one) => one.state === 'committed')
      ? view
      : null;
  });
  for (const sopClassUid of sopClasses) {
    const kind = sopClassUid === COMPREHENSIVE_3D_SR ? 'SR' : 'SC';
    const expected = study.deliveries.filter((one) => one.object === kind).map((one) => one.sopInstanceUid);
    expect((await instancesOf(hospital, studyInstanceUid, sopClassUid)).sort()).toEqual(expected.sort());
    expect(expected.length).toBeGreaterThan(0);
  }
}
