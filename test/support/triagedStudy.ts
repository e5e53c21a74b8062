/** One phantom that went the whole way into an Ichor of its own, for tests of what the API and the pages tell of a study. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import type { StudyView } from '@ichor/shared/study';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { type Api, freePort, openApi, startIchor, untilReported } from './ichor.ts';
import { silentLog, startPostgres } from './postgres.ts';
import { openWorkFolder } from './workFolder.ts';

export type TriagedStudy = {
  readonly api: Api;
  readonly database: Database;
  readonly dataDir: string;
  readonly study: StudyView;
  stop(): Promise<void>;
};

/** Whatever the bundle thinks of the phantom's kind of hemorrhage. */
const KIND_IS_NAMED = 'subdural=0.001';

/** With a subdural hemorrhage. */
export async function openTriagedStudy(
  name: string,
  size: { readonly slices: number; readonly matrix: number },
): Promise<TriagedStudy> {
  const [postgres, folder] = [await startPostgres(), await openWorkFolder(name)];
  const [dicomPort, httpPort, dataDir] = [await freePort(), await freePort(), join(folder.path, 'data')];
  const settings = {
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DATA_DIR: dataDir,
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_QUIET_PERIOD_MS: '1000',
    ICHOR_THRESHOLDS: KIND_IS_NAMED,
  };
  const ichor = startIchor([], settings);
  const api = await openApi(httpPort, settings).catch((error) => {
    throw new Error(`${error.message}\n${ichor.output()}`);
  });
  const database = await openDatabase({ databaseUrl: postgres.url, dataDir }, silentLog);
  const out = join(folder.path, 'ct');
  const { files, studyInstanceUid } = await writePhantomStudy({ out, seed: 8_900_000, bleeds: ['subdural'], ...size });
  const sent = spawnSync('storescu', ['-aec', 'ICHOR', '127.0.0.1', String(dicomPort), ...files]);
  if (sent.status !== 0) throw new Error(`storescu: ${sent.stderr}`);
  return {
    api,
    database,
    dataDir,
    study: await untilReported(api, studyInstanceUid),
    async stop() {
      await ichor.stop();
      await database.close();
      await postgres.stop();
      await folder.remove();
    },
  };
}
