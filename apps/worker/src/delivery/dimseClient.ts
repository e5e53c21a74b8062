/**
 * Associations that we open: C-ECHO and C-STORE (PS3.4 Annexes A and B, PS3.7 §9.1). Sole importer of dcmjs-dimse's client.
 *
 * What is stored is sent bit for bit: one presentation context is proposed for each pair of SOP Class and transfer syntax,
 * so that the peer cannot choose another one, and the dataset bytes are read from the file when their turn comes.
 *
 * connecting ──A-ASSOCIATE-AC──► exchanging ──every response──► releasing ──► closed: done
 *     │ refused, timeout             │ abort, close, timeout
 *     ▼                              ▼
 * DESTINATION_UNREACHABLE        ASSOCIATION_LOST   (ASSOCIATION_REJECTED when the peer says so for good)
 */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Config, Destination, Part10 } from '@ichor/shared';
import { IchorError, readMeta, reasonOf } from '@ichor/shared';
import dimse from 'dcmjs-dimse';

export type Peer = Pick<Destination, 'aeTitle' | 'host' | 'port' | 'tls'>;
/** What an association needs of the configuration. */
export type Caller = {
  readonly callingAeTitle: string;
  readonly tls: Config['tls'];
  /** For each answer; a PACS may take long to store one instance, but not for ever. */
  readonly timeoutMs?: number;
};

/** A Part 10 file to send. */
export type InstanceFile = { readonly path: string } & Pick<Part10, 'transferSyntaxUid' | 'datasetOffset'> & {
    readonly sopClassUid: string;
    readonly sopInstanceUid: string;
  };
/** `error` is null when the peer has the instance now. */
export type StoreOutcome = { readonly file: InstanceFile; readonly error: IchorError | null };

const { Client, Dataset, association, requests } = dimse;
type Client = InstanceType<typeof Client>;
type Request = Parameters<Client['addRequest']>[0];
type AcceptedAssociation = InstanceType<typeof association.Association>;
type ContextKey = `${string} ${string}`;

/** The library tells every PDU on the console; what matters comes out of here as outcomes. */
dimse.log.setLevel('silent');

const CONNECT_TIMEOUT_MS = 15_000;
const RESPONSE_TIMEOUT_MS = 120_000;
/** PS3.8 §9.3.2.2: presentation context ids are odd numbers below 256; one is taken by Verification. */
const MOST_CONTEXTS = 127;
/** More than any file meta information takes. */
const META_BYTES = 65_536;

/** @throws IchorError NOT_DICOM when the file has no usable meta information */
export async function readInstanceFile(path: string): Promise<InstanceFile> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(META_BYTES), 0, META_BYTES, 0);
    const { transferSyntaxUid, datasetOffset, sopClassUid, sopInstanceUid } = readMeta(
      buffer.subarray(0, bytesRead),
      path,
    );
    if (sopClassUid === null || sopInstanceUid === null)
      throw new IchorError('NOT_DICOM', { path, reason: 'its file meta information names no SOP Instance' });
    return { path, transferSyntaxUid, datasetOffset, sopClassUid, sopInstanceUid };
  } finally {
    await handle.close();
  }
}

/** C-ECHO. @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED, ASSOCIATION_LOST, STORE_REFUSED */
export async function echo(peer: Peer, caller: Caller): Promise<void> {
  let status = -1;
  await associate(peer, caller, [], () => {
    const request = new requests.CEchoRequest();
    request.on('response', (response) => (status = response.getStatus()));
    return [request];
  });
  if (status !== 0)
    throw new IchorError('ASSOCIATION_LOST', { destination: peer.aeTitle, reason: 'no answer to C-ECHO' });
}

/**
 * C-STORE of files, in their order, over as few associations as possible (one, unless they are very mixed).
 * @param onOutcome called as each file is answered
 * @returns one outcome per file; what follows a broken association is ASSOCIATION_LOST
 * @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED
 */
export async function storeFiles(
  peer: Peer,
  caller: Caller,
  files: readonly InstanceFile[],
  onOutcome: (outcome: StoreOutcome) => void = () => undefined,
): Promise<StoreOutcome[]> {
  const outcomes: StoreOutcome[] = [];
  for (const batch of batches(files)) outcomes.push(...(await storeBatch(peer, caller, batch, onOutcome)));
  return outcomes;
}

/** Storage Commitment Push Model (PS3.4 Annex J): its SOP Class and well-known SOP Instance. */
const STORAGE_COMMITMENT = '1.2.840.10008.1.20.1';
const STORAGE_COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1';
const IMPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2';

/**
 * Asks the peer to take responsibility for instances (N-ACTION); its answer comes later, on an association of its own.
 * @returns false when the peer does not offer storage commitment
 * @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED, ASSOCIATION_LOST
 */
export async function requestCommitment(
  peer: Peer,
  caller: Caller,
  transactionUid: string,
  instances: readonly Pick<InstanceFile, 'sopClassUid' | 'sopInstanceUid'>[],
): Promise<boolean> {
  let status: number | null = null;
  const context: ContextKey = `${STORAGE_COMMITMENT} ${IMPLICIT_LITTLE_ENDIAN}`;
  await associate(peer, caller, [context], (accepted) => {
    if (!accepted.has(context)) return [new requests.CEchoRequest()];
    const request = new requests.NActionRequest(STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, 1);
    request.setDataset(
      new Dataset(
        { TransactionUID: transactionUid, ReferencedSOPSequence: instances.map(reference) },
        IMPLICIT_LITTLE_ENDIAN,
      ),
    );
    request.on('response', (response: { getStatus(): number }) => (status = response.getStatus()));
    return [request as never];
  });
  return status === 0;
}

const reference = ({ sopClassUid, sopInstanceUid }: Pick<InstanceFile, 'sopClassUid' | 'sopInstanceUid'>) => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: sopInstanceUid,
});

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
  const proposed = [...new Set(files.map(contextOf))];
  let lost: IchorError | null = null;
  try {
    await associate(peer, caller, proposed, (accepted) => storeRequests(peer, files, accepted, settle));
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
    if (accepted.has(contextOf(file))) return [storeRequest(peer, file, settle)];
    const sopClassName = `SOP Class ${file.sopClassUid} in transfer syntax ${file.transferSyntaxUid}`;
    settle(file, new IchorError('NO_PRESENTATION_CONTEXT', { destination: peer.aeTitle, sopClassName }));
    return [];
  });
}

function storeRequest(
  peer: Peer,
  file: InstanceFile,
  settle: (file: InstanceFile, error: IchorError | null) => void,
): Request {
  const request = new requests.CStoreRequest(new FileDataset(file));
  request.on('response', (response) =>
    settle(file, storeError(peer, file, response.getStatus(), response.getErrorComment())),
  );
  return request;
}

/** C-STORE statuses (PS3.4 Table B.2-1, PS3.7 Annex C). Warnings mean stored; 0111 means that it was there already. */
function storeError(
  peer: Peer,
  { sopInstanceUid }: InstanceFile,
  status: number,
  comment: string | undefined,
): IchorError | null {
  if (status === 0 || status === 0x0111 || (status & 0xf000) === 0xb000) return null;
  const facts = {
    destination: peer.aeTitle,
    sopInstanceUid,
    status: status.toString(16).padStart(4, '0').toUpperCase(),
  };
  if ((status & 0xff00) === 0xa700) return new IchorError('STORE_OUT_OF_RESOURCES', facts);
  return new IchorError('STORE_REFUSED', { ...facts, comment: comment || 'no comment' });
}

/** A dataset that is never parsed nor encoded again: its bytes are those of the file. */
class FileDataset extends Dataset {
  readonly #file: InstanceFile;
  constructor(file: InstanceFile) {
    super({ SOPClassUID: file.sopClassUid, SOPInstanceUID: file.sopInstanceUid }, file.transferSyntaxUid);
    this.#file = file;
  }
  /** The whole dataset; a deflated one of odd length gets the padding that PS3.5 §A.5 asks for. */
  override getDenaturalizedDataset(): Buffer {
    const bytes = readFileSync(this.#file.path).subarray(this.#file.datasetOffset);
    return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  }
}

/** One association: proposes, sends what `makeRequests` gives for the accepted contexts, and releases. */
function associate(
  peer: Peer,
  caller: Caller,
  proposed: readonly ContextKey[],
  makeRequests: (accepted: ReadonlySet<ContextKey>) => Request[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const destination = peer.aeTitle;
    const client = new Client();
    let phase: 'connecting' | 'exchanging' | 'done' = 'connecting';
    const end = (error: IchorError | null): void => {
      if (phase === 'done') return;
      phase = 'done';
      clearTimeout(connectTimer);
      socketOf(client)?.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const broken = (reason: string): void =>
      end(
        new IchorError(phase === 'connecting' ? 'DESTINATION_UNREACHABLE' : 'ASSOCIATION_LOST', {
          destination,
          reason,
        }),
      );
    const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, caller.timeoutMs ?? CONNECT_TIMEOUT_MS);
    const connectTimer = setTimeout(() => broken(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs);
    client.on('connected', () => mendNetwork(client, (reason) => broken(reason)));
    client.on('associationAccepted', (accepted: AcceptedAssociation) => {
      clearTimeout(connectTimer);
      phase = 'exchanging';
      client.clearRequests();
      for (const request of makeRequests(acceptedContexts(accepted))) client.addRequest(request);
    });
    client.on('associationRejected', (rejection: Rejection) => end(rejected(destination, rejection)));
    client.on('associationReleased', () => end(null));
    client.on('networkError', (error: Error) => broken(networkReason(error)));
    client.on('closed', () => broken('the peer closed the connection'));
    propose(client, proposed);
    client.send(peer.host, peer.port, caller.callingAeTitle, peer.aeTitle, optionsFor(peer, caller));
  });
}

/** The library says which byte it did not understand; whoever typed a port wants to know which service it found there. */
function networkReason(error: Error): string {
  const reason = reasonOf(error).replace(/^.*-> (Connection error: )?/, '');
  return reason.startsWith('Unknown PDU type')
    ? 'what answers there does not speak DICOM; is the port that of a web server?'
    : reason;
}

function optionsFor(peer: Peer, { tls, timeoutMs = RESPONSE_TIMEOUT_MS }: Caller) {
  const timeouts = {
    connectTimeout: timeoutMs + 5_000,
    associationTimeout: CONNECT_TIMEOUT_MS,
    pduTimeout: timeoutMs,
  };
  if (!peer.tls) return timeouts;
  const pem = (path: string | null | undefined) => (path ? { pem: readFileSync(path) } : null);
  const [key, cert, ca] = [pem(tls?.keyPath), pem(tls?.certPath), pem(tls?.caPath)];
  return {
    ...timeouts,
    securityOptions: {
      ...(key && { key: key.pem }),
      ...(cert && { cert: cert.pem }),
      ...(ca && { ca: ca.pem }),
      rejectUnauthorized: true,
    },
  };
}

/** The library wants a request before it connects: C-ECHO, which also proposes Verification. */
function propose(client: Client, contexts: readonly ContextKey[]): void {
  client.addRequest(new requests.CEchoRequest());
  for (const context of contexts) {
    const [sopClassUid, transferSyntaxUid] = context.split(' ') as [string, string];
    client.addAdditionalPresentationContext(
      new association.PresentationContext(1, sopClassUid, transferSyntaxUid),
      true,
    );
  }
}

function acceptedContexts(accepted: AcceptedAssociation): Set<ContextKey> {
  const contexts = accepted.getPresentationContexts().map(({ context }) => context);
  return new Set(
    contexts
      .filter((context) => context.getResult() === 0)
      .map((context): ContextKey => `${context.getAbstractSyntaxUid()} ${context.getAcceptedTransferSyntaxUid()}`),
  );
}

type Rejection = { result: number; source: number; reason: number };

/** PS3.8 §9.3.4. Result 2 is transient: the peer is busy, another try may succeed. */
function rejected(destination: string, { result, source, reason }: Rejection): IchorError {
  const text = REJECTIONS[`${source}-${reason}`] ?? `source ${source}, reason ${reason}`;
  if (result === 2)
    return new IchorError('DESTINATION_UNREACHABLE', { destination, reason: `association refused for now: ${text}` });
  return new IchorError('ASSOCIATION_REJECTED', { destination, reason: text });
}

const REJECTIONS: Readonly<Record<string, string>> = {
  '1-1': 'no reason given',
  '1-2': 'application context not supported',
  '1-3': 'calling AE title not recognized',
  '1-7': 'called AE title not recognized',
  '2-1': 'no reason given',
  '2-2': 'protocol version not supported',
  '3-1': 'temporary congestion',
  '3-2': 'local limit exceeded',
};

type Internals = {
  network?: {
    socket: import('node:net').Socket;
    dimseStream: unknown;
    _performDimse(context: unknown, command: { hasDataset(): boolean }): void;
    on(event: 'abort', listener: (abort: { source: number; reason: number }) => void): void;
  };
};
const socketOf = (client: Client) => (client as unknown as Internals).network?.socket;

/** Three repairs of dcmjs-dimse 0.3.3: Nagle's algorithm, a command buffer that is never emptied, an abort that is not told. */
function mendNetwork(client: Client, onAbort: (reason: string) => void): void {
  const { network } = client as unknown as Internals;
  if (network === undefined) return;
  network.socket.setNoDelay(true);
  network.on('abort', ({ source, reason }) => onAbort(`aborted by the peer (source ${source}, reason ${reason})`));
  const perform = network._performDimse;
  network._performDimse = function (context, command) {
    perform.call(this, context, command);
    if (!command.hasDataset()) this.dimseStream = undefined;
  };
}

const contextOf = ({ sopClassUid, transferSyntaxUid }: InstanceFile): ContextKey =>
  `${sopClassUid} ${transferSyntaxUid}`;

/** Splits so that no association needs more contexts than there are. */
function batches(files: readonly InstanceFile[]): InstanceFile[][] {
  const result: InstanceFile[][] = [];
  let contexts = new Set<ContextKey>();
  for (const file of files) {
    const fits = contexts.has(contextOf(file)) || contexts.size < MOST_CONTEXTS;
    if (!fits) contexts = new Set();
    if (!fits || result.length === 0) result.push([]);
    contexts.add(contextOf(file));
    result.at(-1)!.push(file);
  }
  return result;
}
