/** One C-STORE request with its bytes → a durable instance and a DIMSE status (PS3.4 §B.2.3). */
import type { Config, Dataset, Spool } from '@ichor/shared';
import { IchorError, isOwnObject, isSafeUid, parseDataset, part10Header } from '@ichor/shared';
import { isStorage } from './negotiate.ts';
import type { IndexedHeader, StoredInstance } from './types.ts';

export type StoreRequest = {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly abstractSyntaxUid: string;
  readonly transferSyntaxUid: string;
  readonly callingAeTitle: string;
  /** The dataset as it came. */
  readonly chunks: readonly Buffer[];
};

/** What became of it. `own` and `ignored` are answered with Success and not stored. */
export type StoreOutcome =
  | { readonly kind: 'new' | 'identical' | 'conflict'; readonly instance: StoredInstance }
  | { readonly kind: 'own' | 'ignored' };

/** CT, Enhanced CT and Legacy Converted Enhanced CT Image Storage (PS3.4 table B.5-1): what can be a CT slice. */
export const CT_IMAGES: ReadonlySet<string> = new Set([
  '1.2.840.10008.5.1.4.1.1.2',
  '1.2.840.10008.5.1.4.1.1.2.1',
  '1.2.840.10008.5.1.4.1.1.2.2',
]);

/** Returns when the bytes are durable. @throws IchorError; {@link statusOf} gives its status */
export async function storeInstance(
  request: StoreRequest,
  spool: Spool,
  config: Pick<Config, 'otherStorage'>,
): Promise<StoreOutcome> {
  checkCommand(request);
  const dataset = parseChunks(request.chunks, request.transferSyntaxUid);
  const identity = identityOf(dataset, request);
  if (isOwnObject(dataset)) return { kind: 'own' };
  if (config.otherStorage === 'ignore' && !CT_IMAGES.has(request.sopClassUid)) return { kind: 'ignored' };
  const { path, outcome, sizeBytes } = await spool.store({
    ...identity,
    chunks: [part10Header(request), ...request.chunks],
  });
  const { sopClassUid, transferSyntaxUid, callingAeTitle } = request;
  return {
    kind: outcome,
    instance: {
      ...identity,
      sopClassUid,
      transferSyntaxUid,
      callingAeTitle,
      spoolPath: path,
      sizeBytes,
      header: indexedHeader(dataset),
    },
  };
}

/** What precedes Pixel Data in an ordinary image. */
const HEAD_BYTES = 32_768;

/**
 * The dataset up to Pixel Data, without joining all of an image: its first bytes are enough when Pixel Data begins in them.
 * @throws IchorError DATASET_UNREADABLE
 */
function parseChunks(chunks: readonly Buffer[], transferSyntaxUid: string): Dataset {
  const head = Buffer.concat(chunks as Buffer[], Math.min(HEAD_BYTES, sizeOf(chunks)));
  return parsedHead(head, transferSyntaxUid) ?? parseDataset(Buffer.concat(chunks as Buffer[]), transferSyntaxUid);
}

function parsedHead(head: Buffer, transferSyntaxUid: string): Dataset | null {
  try {
    const dataset = parseDataset(head, transferSyntaxUid);
    return dataset.has('x7fe00010') ? dataset : null;
  } catch {
    return null;
  }
}

const sizeOf = (chunks: readonly Buffer[]): number => chunks.reduce((total, chunk) => total + chunk.length, 0);

function checkCommand({ sopClassUid, abstractSyntaxUid, sopInstanceUid }: StoreRequest): void {
  if (sopClassUid !== abstractSyntaxUid || !isStorage(sopClassUid))
    throw new IchorError('SOP_CLASS_MISMATCH', { sopClassUid, abstractSyntaxUid });
  if (!isSafeUid(sopInstanceUid))
    throw new IchorError('UID_INVALID', { name: 'Affected SOP Instance UID', uid: printable(sopInstanceUid) });
}

/** The UIDs that name an instance; command and dataset must agree. */
export function identityOf(dataset: Dataset, command: Pick<StoreRequest, 'sopClassUid' | 'sopInstanceUid'>) {
  const uid = (name: string, tag: 'x0020000d' | 'x0020000e' | 'x00080018' | 'x00080016'): string => {
    const value = dataset.text(tag);
    if (value === null) throw new IchorError('UID_MISSING', { name });
    if (!isSafeUid(value)) throw new IchorError('UID_INVALID', { name, uid: printable(value) });
    return value;
  };
  const sopInstanceUid = uid('SOP Instance UID', 'x00080018');
  const sopClassUid = uid('SOP Class UID', 'x00080016');
  if (sopInstanceUid !== command.sopInstanceUid)
    throw new IchorError('IDENTITY_MISMATCH', {
      name: 'SOP Instance UID',
      dataset: sopInstanceUid,
      command: command.sopInstanceUid,
    });
  if (sopClassUid !== command.sopClassUid)
    throw new IchorError('IDENTITY_MISMATCH', {
      name: 'SOP Class UID',
      dataset: sopClassUid,
      command: command.sopClassUid,
    });
  return {
    studyInstanceUid: uid('Study Instance UID', 'x0020000d'),
    seriesInstanceUid: uid('Series Instance UID', 'x0020000e'),
    sopInstanceUid,
  };
}

export const printable = (text: string): string => text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?');

/** Devices exceed what PS3.5 §6.2 allows; a column is no place for a megabyte. */
const LONGEST_TEXT = 1_024;

export function indexedHeader(dataset: Dataset): IndexedHeader {
  const text = (tag: `x${string}`): string | null => dataset.text(tag)?.slice(0, LONGEST_TEXT) ?? null;
  return {
    accessionNumber: text('x00080050'),
    patientId: text('x00100020'),
    patientName: text('x00100010'),
    studyDate: text('x00080020'),
    studyDescription: text('x00081030'),
    modality: text('x00080060'),
    seriesDescription: text('x0008103e'),
    requestedProcedurePriority: text('x00401003'),
  };
}

/** C-STORE response status (PS3.4 Table B.2-1, PS3.7 Annex C) of an error. */
export function statusOf(error: IchorError): number {
  const { code } = error;
  if (code === 'DISK_BELOW_FLOOR' || code === 'INSTANCE_TOO_LARGE' || code === 'MEMORY_EXHAUSTED') return 0xa700;
  if (code === 'SOP_CLASS_MISMATCH' || code === 'IDENTITY_MISMATCH') return 0xa900;
  if (code === 'UID_INVALID' || code === 'UID_MISSING' || code === 'DATASET_UNREADABLE') return 0xc000;
  return 0x0110;
}
