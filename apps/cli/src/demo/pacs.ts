/** The PACS of the demo: an archive that takes everything and keeps it as Part 10 files, one folder per study. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDataset } from '@ichor/dicom/dataset';
import { part10Header } from '@ichor/dicom/part10';
import { isSecondaryCapture, isStructuredReport } from '@ichor/dicom/sopClasses';
import { isSafeUid } from '@ichor/dicom/uid';
import { listenDicom } from '@ichor/dimse/acceptor/listen';
import { makeMemoryBudget } from '@ichor/dimse/acceptor/memory';
import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import { loadConfig } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import { PACS_AE_TITLE } from './demoConfig.ts';
import type { Received } from './outcome.ts';

export type DemoPacs = { readonly port: number; readonly received: Received; close(): Promise<void> };

/** @param folder files go to `<folder>/<StudyInstanceUID>/<kind>-<SOPInstanceUID>.dcm` */
export async function startDemoPacs(folder: string, port: number): Promise<DemoPacs> {
  const received = new Map<string, string>();
  const config = loadConfig({ ICHOR_AE_TITLE: PACS_AE_TITLE, ICHOR_DICOM_PORT: String(port) });
  const ignore = (): void => undefined;
  const store = async (request: StoreRequest): Promise<void> => {
    received.set(request.sopInstanceUid, await keep(folder, request));
  };
  const events = {
    store,
    accepted: ignore,
    rejected: ignore,
    aborted: ignore,
    released: ignore,
    closed: ignore,
    refused: ignore,
    commitment: async () => {},
  };
  const memory = makeMemoryBudget(config.maxMemoryBytes);
  const dicom = await listenDicom(config, (openAssociations) => ({ config, memory, events, openAssociations }));
  return { port: dicom.port, received, close: () => dicom.close() };
}

/** @returns the path. @throws IchorError UID_MISSING, which the sender sees as the status of its C-STORE */
async function keep(folder: string, request: StoreRequest): Promise<string> {
  const dataset = Buffer.concat(request.chunks);
  const studyInstanceUid = parseDataset(dataset, request.transferSyntaxUid).text('StudyInstanceUID') ?? '';
  if (!isSafeUid(studyInstanceUid) || !isSafeUid(request.sopInstanceUid))
    throw new IchorError('UID_MISSING', { name: 'Study Instance UID' });
  const path = join(folder, studyInstanceUid, `${kindOf(request)}-${request.sopInstanceUid}.dcm`);
  await mkdir(join(folder, studyInstanceUid), { recursive: true });
  await writeFile(path, Buffer.concat([part10Header(request), dataset]));
  return path;
}

/** SR and SC as people call them (PS3.4 Annex B.5). */
function kindOf({ sopClassUid }: StoreRequest): string {
  if (isStructuredReport(sopClassUid)) return 'SR';
  return isSecondaryCapture(sopClassUid) ? 'SC' : 'instance';
}
