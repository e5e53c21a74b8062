/** Time from a study's last instance to its flag and to its report in the PACS, minus the quiet period. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { type Api, eventually, freePort, openApi, startIchor, studyView } from '../test/support/ichor.ts';
import { openWorkFolder } from '../test/support/workFolder.ts';

const QUIET_PERIOD_MS = 2_000;
const STUDIES = 5;
const SLICES = 35;

export type LatencyRow = { readonly study: number; readonly toFlagMs: number; readonly toReportMs: number };

/** Sends phantoms of 35 slices one after the other with dcmtk to Ichor (one process, embedded database), dcmtk's storescp as PACS. */
export async function measureLatency(): Promise<LatencyRow[]> {
  const folder = await openWorkFolder('bench-latency');
  const [dicomPort, httpPort, pacsPort] = [await freePort(), await freePort(), await freePort()];
  await mkdir(join(folder.path, 'pacs'));
  const pacs = spawn('storescp', ['-aet', 'PACS', '-od', join(folder.path, 'pacs'), String(pacsPort)], {
    stdio: 'ignore',
  });
  const settings = {
    ICHOR_DATA_DIR: join(folder.path, 'data'),
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_DESTINATIONS: `PACS@127.0.0.1:${pacsPort}`,
    ICHOR_QUIET_PERIOD_MS: String(QUIET_PERIOD_MS),
  };
  const ichor = startIchor([], settings);
  try {
    const api = await openApi(httpPort, settings);
    const rows: LatencyRow[] = [];
    for (let study = 1; study <= STUDIES; study++)
      rows.push(await measureStudy(study, join(folder.path, `ct-${study}`), dicomPort, api));
    return rows;
  } finally {
    await ichor.stop();
    pacs.kill();
    await folder.remove();
  }
}

async function measureStudy(number: number, out: string, dicomPort: number, api: Api): Promise<LatencyRow> {
  const { studyInstanceUid } = await writePhantomStudy({
    out,
    seed: 500 + number,
    bleeds: number % 2 === 0 ? [] : ['subdural'],
    slices: SLICES,
  });
  const files = (await readdir(out)).filter((name) => name.endsWith('.dcm')).map((name) => join(out, name));
  const sent = spawnSync('storescu', ['-aet', 'CTSCANNER', '-aec', 'ICHOR', '127.0.0.1', String(dicomPort), ...files]);
  if (sent.status !== 0) throw new Error(`storescu: ${sent.stderr}`);
  const { times } = await eventually('delivery', async () => {
    const view = await studyView(api, studyInstanceUid);
    return view?.times.delivered ? view : null;
  });
  const since = (time: string | null) => Date.parse(time!) - Date.parse(times.lastInstance!) - QUIET_PERIOD_MS;
  return { study: number, toFlagMs: since(times.decided), toReportMs: since(times.delivered) };
}
