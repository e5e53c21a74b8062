/** The DICOM port of the receiver with a spool of its own and no database: what it did is noted. */
import { join } from 'node:path';
import { listenDicom } from '@ichor/dimse/acceptor/listen';
import { makeMemoryBudget } from '@ichor/dimse/acceptor/memory';
import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import { storeInstance } from '@ichor/receiver/storeInstance';
import { loadConfig } from '@ichor/settings/config';
import { openSpool, type Spool } from '@ichor/store/files/spool';
import { openWorkFolder } from './workFolder.ts';

type Stored = { readonly outcome: string; readonly path: string; readonly sopInstanceUid: string };
type Refused = Pick<StoreRequest, 'sopClassUid' | 'sopInstanceUid' | 'callingAeTitle'> & {
  readonly code: string;
  readonly message: string;
  /** What came of the dataset. */
  readonly head: Buffer;
  readonly associationId: number;
};

export type TestReceiver = {
  readonly port: number;
  readonly spool: Spool;
  readonly dataDir: string;
  readonly stored: Stored[];
  readonly refused: Refused[];
  readonly rejected: string[];
  readonly aborted: string[];
  /** Who they were. */
  readonly abortedPeers: { readonly remoteAddress: string; readonly callingAeTitle: string | null }[];
  readonly commitments: unknown[];
  /** What the memory budget counts now. */
  heldBytes(): number;
  close(patienceMs?: number): Promise<void>;
};

export type TestReceiverOptions = {
  /** Runs before the instance is stored; what it throws is what the store throws. */
  readonly beforeStore?: (request: StoreRequest) => Promise<void>;
  readonly dataDir?: string;
};

/** @param env settings; the disk floor is 0 unless given */
export async function startTestReceiver(
  env: Readonly<Record<string, string>> = {},
  { beforeStore, dataDir }: TestReceiverOptions = {},
): Promise<TestReceiver> {
  const folder = await openWorkFolder('receiver');
  const config = loadConfig({
    ICHOR_DATA_DIR: dataDir ?? folder.path,
    ICHOR_DICOM_PORT: '0',
    ICHOR_DISK_FLOOR_BYTES: '0',
    ...env,
  });
  const spool = await openSpool(config, config.diskFloorBytes);
  const notes = {
    stored: [] as Stored[],
    refused: [] as Refused[],
    rejected: [] as string[],
    aborted: [] as string[],
    abortedPeers: [] as TestReceiver['abortedPeers'],
    commitments: [] as unknown[],
  };
  const events = {
    async store(request: StoreRequest) {
      await beforeStore?.(request);
      const outcome = await storeInstance(request, spool, config);
      const path = 'instance' in outcome ? join(config.dataDir, 'spool', outcome.instance.spoolPath) : '';
      notes.stored.push({ outcome: outcome.kind, path, sopInstanceUid: request.sopInstanceUid });
    },
    refused(
      { sopClassUid, sopInstanceUid, callingAeTitle, chunks }: StoreRequest,
      { code, message }: { code: string; message: string },
      { id: associationId }: { id: number },
    ) {
      const head = Buffer.concat(chunks);
      notes.refused.push({ code, message, sopClassUid, sopInstanceUid, callingAeTitle, head, associationId });
    },
    rejected: (_caller: string, { text }: { text: string }) => void notes.rejected.push(text),
    aborted(_association: unknown, reason: string, peer: TestReceiver['abortedPeers'][number]) {
      notes.aborted.push(reason);
      notes.abortedPeers.push(peer);
    },
    commitment: async (report: unknown) => void notes.commitments.push(report),
    accepted: () => undefined,
    released: () => undefined,
    closed: () => undefined,
  };
  const memory = makeMemoryBudget(config.maxMemoryBytes);
  const dicom = await listenDicom(config, (openAssociations) => ({ config, memory, events, openAssociations }));
  return {
    ...notes,
    port: dicom.port,
    spool,
    dataDir: config.dataDir,
    heldBytes: memory.usedBytes,
    async close(patienceMs = 0) {
      await dicom.close(patienceMs);
      await folder.remove();
    },
  };
}
