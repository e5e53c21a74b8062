/** The worker's triage of studies in a real spool and a real database, without receiver and queue. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Inference } from '@ichor/analysis/inference/inference';
import type { Analysis, SliceStack } from '@ichor/analysis/types';
import type { Keyword } from '@ichor/dicom/keywords';
import { readPart10 } from '@ichor/dicom/readPart10';
import type { Bleed } from '@ichor/phantom/bleeds';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { insertInstances } from '@ichor/receiver/completion/insertInstances';
import { indexedHeader } from '@ichor/receiver/storeInstance';
import { type Config, loadConfig } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import { openSpool, type Spool } from '@ichor/store/files/spool';
import { requestTriage } from '@ichor/store/outbox/requestTriage';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import type { TriageJob } from '@ichor/store/queue/jobs';
import type { Queues } from '@ichor/store/queue/queues';
import type { Incident } from '@ichor/store/rows/incident';
import type { TriageContext } from '@ichor/worker/triageStudy';
import { silentLog, startPostgres } from './postgres.ts';
import { openWorkFolder } from './workFolder.ts';
import { FINDINGS } from './worklistRows.ts';

export type TriageBench = {
  readonly database: Database;
  readonly spool: Spool;
  readonly dataDir: string;
  readonly incidents: Incident[];
  /** A study of a phantom, as the receiver leaves it, and its job. */
  addStudy(seed: number, options?: AddedStudy): Promise<TriageJob>;
  /** Asks for the study again. */
  again(studyInstanceUid: string): Promise<TriageJob>;
  context(changes?: Partial<TriageContext>): TriageContext;
  stop(): Promise<void>;
};
export type AddedStudy = {
  readonly bleeds?: readonly Bleed[];
  readonly slices?: number;
  readonly matrix?: number;
  /** Changes a file before it is stored. */
  readonly change?: (bytes: Buffer) => Buffer;
};

/** @param settings beside folder, database and destination */
export async function openTriageBench(
  settings: (folder: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<TriageBench> {
  const [postgres, folder] = [await startPostgres(), await openWorkFolder('triage')];
  const dataDir = join(folder.path, 'data');
  const config: Config = loadConfig({
    ICHOR_DATA_DIR: dataDir,
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DESTINATIONS: 'HOSPPACS@127.0.0.1:1',
    ...settings(folder.path),
  });
  const database = await openDatabase(config, silentLog);
  const spool = await openSpool(config);
  const incidents: Incident[] = [];
  const request = async (uid: string): Promise<TriageJob> => (await requestTriage(database, uid)).job;
  return {
    database,
    spool,
    dataDir,
    incidents,
    again: request,
    async addStudy(seed, { change = (bytes: Buffer) => bytes, ...phantom }: AddedStudy = {}) {
      const out = join(folder.path, `ct-${seed}`);
      const small = { bleeds: ['subdural'], slices: 14, matrix: 64 } as const;
      const { files, studyInstanceUid } = await writePhantomStudy({ out, seed, ...small, ...phantom });
      for (const file of files) await index(database, spool, change(await readFile(file)));
      return request(studyInstanceUid);
    },
    context: (changes = {}) => ({
      config,
      log: silentLog,
      database,
      queues: noQueues,
      spool,
      inference: finding,
      recordIncident: (incident) => incidents.push(incident),
      ...changes,
    }),
    async stop() {
      await database.close();
      await postgres.stop();
      await folder.remove();
    },
  };
}

async function index(database: Database, spool: Spool, bytes: Buffer): Promise<void> {
  const { dataset, transferSyntaxUid } = readPart10(bytes, 'a phantom');
  const text = (keyword: Keyword): string => dataset.text(keyword) ?? '';
  const uids = {
    studyInstanceUid: text('StudyInstanceUID'),
    seriesInstanceUid: text('SeriesInstanceUID'),
    sopInstanceUid: text('SOPInstanceUID'),
  };
  const stored = await spool.store({ ...uids, chunks: [bytes] });
  const instance = {
    ...uids,
    spoolPath: stored.reference,
    sopClassUid: text('SOPClassUID'),
    transferSyntaxUid,
    sizeBytes: bytes.length,
    callingAeTitle: 'CTSCANNER',
    header: indexedHeader(dataset),
    priority: 3,
  };
  await insertInstances(database, [instance], () => false, 0);
}

const model = { name: 'test-model', version: '1.0.0', sha256: 'ab'.repeat(32) };
const crash = async (): Promise<never> => {
  throw new IchorError('INFERENCE_CRASHED', { reason: 'test' });
};
/** Every stack shows a subdural hemorrhage on its middle slice. */
export const finding: Inference = {
  model,
  analyse: async (stack) => analysisOf(stack),
  pixelDigest: async ({ reference }) => reference,
  close: async () => {},
};
function analysisOf({ slices }: SliceStack): Analysis {
  const sliceIndex = Math.floor(slices.length / 2);
  const { rows, columns, sopInstanceUid } = slices[sliceIndex]!;
  const probabilities = [0.02, 0.1, 0.03, 0.2, 0.98, 0.97];
  const map = Float32Array.from({ length: 16 }, (_, index) => index);
  return {
    model,
    slices: slices.map((slice) => ({
      pixelDigest: slice.sopInstanceUid,
      features: new Float32Array(4),
      logits: new Float32Array(6),
    })),
    sliceScores: slices.map((slice) => ({
      sopInstanceUid: slice.sopInstanceUid,
      probabilities,
      cnnProbabilities: probabilities,
    })),
    findings: FINDINGS,
    keySlices: [{ sopInstanceUid, finding: 'subdural', score: 0.98 }],
    keySliceImages: [
      {
        sliceIndex,
        hu: new Int16Array(rows * columns),
        maps: [{ classIndex: 4, probability: 0.98, map, mapRows: 4, mapColumns: 4, of: 'sequence' }],
      },
    ],
  };
}

/** Each analysis crashes. */
export const crashing: Inference = { model, analyse: crash, pixelDigest: crash, close: async () => {} };

/** Takes every job, and does nothing with it. */
const noQueues = { add: async () => {} } as unknown as Queues;
