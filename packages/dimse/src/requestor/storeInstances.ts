/**
 * C-STORE (PS3.4 Annex B, PS3.7 §9.1.1).
 *
 * What is stored is sent bit for bit where the peer takes its transfer syntax: one presentation context is proposed for each
 * pair of SOP Class and transfer syntax, so that the peer cannot choose another one, and the dataset bytes are read from the
 * file when their turn comes. For Explicit VR Little Endian a context for Implicit VR, which every node must have (PS3.5
 * §10.1), stands beside it; a peer that takes only that gets the same values under other element heads.
 */
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';
import { IchorError } from '@ichor/shared/errors';
import { associate } from './associate.ts';
import { fileDataset } from './fileDataset.ts';
import type { InstanceFile } from './instanceFile.ts';
import { type Request, requests } from './library.ts';
import type { Caller, Peer } from './peer.ts';
import type { ContextKey } from './presentationContexts.ts';
import { storeFault } from './storeFault.ts';

/** `error` is null when the peer has the instance now. */
export type StoreOutcome = { readonly file: InstanceFile; readonly error: IchorError | null };

/** PS3.8 §9.3.2.2: presentation context ids are odd numbers below 256; one is taken by Verification. */
const MOST_CONTEXTS = 127;

/**
 * C-STORE of instances, in their order, over as few associations as possible (one, unless they are very mixed).
 * @param onOutcome called as each instance is answered
 * @returns one outcome per instance; what follows a broken association is ASSOCIATION_LOST
 * @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED
 */
export async function storeInstances(
  peer: Peer,
  caller: Caller,
  files: readonly InstanceFile[],
  onOutcome: (outcome: StoreOutcome) => void = () => undefined,
): Promise<StoreOutcome[]> {
  const outcomes: StoreOutcome[] = [];
  for (const batch of batches(files)) outcomes.push(...(await storeBatch(peer, caller, batch, onOutcome)));
  return outcomes;
}

async function storeBatch(
  peer: Peer,
  caller: Caller,
  files: readonly InstanceFile[],
  onOutcome: (outcome: StoreOutcome) => void,
) {
  const errors = new Map<InstanceFile, IchorError | null>();
  const settle = (file: InstanceFile, error: IchorError | null): void => {
    errors.set(file, error);
    onOutcome({ file, error });
  };
  const proposed = [...new Set(files.flatMap(contextsOf))];
  let lost: IchorError | null = null;
  try {
    await associate(peer, caller, proposed, {
      requestsFor: (accepted) => storeRequests(peer, files, accepted, settle),
    });
  } catch (error) {
    if (!(error instanceof IchorError) || error.code !== 'ASSOCIATION_LOST') throw error;
    lost = error;
  }
  const unanswered = lost ?? new IchorError('ASSOCIATION_LOST', { destination: peer.aeTitle, reason: 'no response' });
  for (const file of files) if (!errors.has(file)) settle(file, unanswered);
  return files.map((file) => ({ file, error: errors.get(file) ?? null }));
}

/** Requests for the files whose context the peer accepted; the others are settled at once. */
function storeRequests(
  peer: Peer,
  files: readonly InstanceFile[],
  accepted: ReadonlySet<ContextKey>,
  settle: (file: InstanceFile, error: IchorError | null) => void,
): Request[] {
  return files.flatMap((file) => {
    const context = contextsOf(file).find((one) => accepted.has(one));
    if (context !== undefined) return [storeRequest(peer, file, transferSyntaxOf(context), settle)];
    const sopClassName = `SOP Class ${file.sopClassUid} in transfer syntax ${file.transferSyntaxUid}`;
    settle(file, new IchorError('NO_PRESENTATION_CONTEXT', { destination: peer.aeTitle, sopClassName }));
    return [];
  });
}

function storeRequest(
  peer: Peer,
  file: InstanceFile,
  transferSyntaxUid: string,
  settle: (file: InstanceFile, error: IchorError | null) => void,
): Request {
  const request = new requests.CStoreRequest(fileDataset(file, transferSyntaxUid));
  request.on('response', (response) => settle(file, storeFault(peer, file, response)));
  return request;
}

const transferSyntaxOf = (context: ContextKey): string => context.split(' ')[1]!;

/** In the order of preference. */
const contextsOf = ({ sopClassUid, transferSyntaxUid }: InstanceFile): ContextKey[] =>
  transferSyntaxUid === TRANSFER_SYNTAX.explicitLittleEndian
    ? [`${sopClassUid} ${transferSyntaxUid}`, `${sopClassUid} ${TRANSFER_SYNTAX.implicitLittleEndian}`]
    : [`${sopClassUid} ${transferSyntaxUid}`];

/** Splits so that no association needs more contexts than there are. */
function batches(files: readonly InstanceFile[]): InstanceFile[][] {
  const result: InstanceFile[][] = [];
  let contexts = new Set<ContextKey>();
  for (const file of files) {
    const both = new Set([...contexts, ...contextsOf(file)]);
    const fits = result.length > 0 && both.size <= MOST_CONTEXTS;
    contexts = fits ? both : new Set(contextsOf(file));
    if (!fits) result.push([]);
    result.at(-1)!.push(file);
  }
  return result;
}
