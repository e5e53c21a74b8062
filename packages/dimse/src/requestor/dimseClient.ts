/**
 * Associations that we open: C-ECHO, C-STORE, storage commitment (PS3.4 Annexes A, B and J, PS3.7 §9.1). Sole importer of
 * dcmjs-dimse's client.
 *
 * What is stored is sent bit for bit where the peer takes its transfer syntax: one presentation context is proposed for each
 * pair of SOP Class and transfer syntax, so that the peer cannot choose another one, and the dataset bytes are read from the
 * file when their turn comes. For Explicit VR Little Endian a context for Implicit VR, which every node must have (PS3.5
 * §10.1), stands beside it; a peer that takes only that gets the same values under other element heads.
 *
 * connecting ──A-ASSOCIATE-AC──► exchanging ──every response──► releasing ──► closed: done
 *     │ refused, timeout             │ abort, close, timeout
 *     ▼                              ▼
 * DESTINATION_UNREACHABLE        ASSOCIATION_LOST   (ASSOCIATION_REJECTED when the peer says so for good)
 */

import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { toImplicitVr } from '@ichor/dicom/implicitVr';
import type { Part10 } from '@ichor/dicom/readPart10';
import { readMeta } from '@ichor/dicom/readPart10';
import { SOP_CLASS, STORAGE_COMMITMENT_INSTANCE } from '@ichor/dicom/sopClasses';
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';
import type { Destination } from '@ichor/settings/aeTitles';
import type { Config } from '@ichor/settings/config';
import { TLS_POLICY } from '@ichor/settings/tlsPolicy';
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import dimse from 'dcmjs-dimse';
import { prepareLibrary } from '../prepareLibrary.ts';
import { isOutOfResources, meansStored, STATUS, statusText } from '../statuses.ts';
import { type Internals, mendNetwork } from './mendNetwork.ts';

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

const { Client, Dataset, association, requests, responses } = dimse;
type Client = InstanceType<typeof Client>;
type Request = Parameters<Client['addRequest']>[0];
type AcceptedAssociation = InstanceType<typeof association.Association>;
type ContextKey = `${string} ${string}`;

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
  await associate(peer, caller, [], {
    requestsFor() {
      const request = new requests.CEchoRequest();
      request.on('response', (response) => (status = response.getStatus()));
      return [request];
    },
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

/** How long the association stays open for a report that comes on it (PS3.4 §J.3.3.1.2); later ones come on one of their own. */
const REPORT_WAIT_MS = 2_000;

/** An acceptor may abort when the release comes in the same moment as our response to its report. */
const REPORT_REST_MS = 250;

/** What became of a commitment request. `not-offered`: the peer does not accept the SOP Class. */
export type CommitmentAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'refused'; readonly status: number };

/**
 * Asks the peer to take responsibility for instances (N-ACTION). Its answer comes on this association or on one of its own.
 * @param onReport records an answer that comes on this association; when it throws, the peer is told to report again
 * @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED, ASSOCIATION_LOST
 */
export async function requestCommitment(
  peer: Peer,
  caller: Caller,
  { transactionUid, instances }: CommitmentRequest,
  onReport: (report: CommitmentReport) => Promise<void>,
): Promise<CommitmentAnswer> {
  const context: ContextKey = `${SOP_CLASS.storageCommitmentPush} ${TRANSFER_SYNTAX.implicitLittleEndian}`;
  const reported = Promise.withResolvers<void>();
  const answered = reported.promise.then(() => pause(REPORT_REST_MS));
  let answer: CommitmentAnswer = { kind: 'not-offered' };
  const conversation: Conversation = {
    requestsFor(accepted) {
      if (!accepted.has(context)) return [new requests.CEchoRequest()];
      answer = { kind: 'refused', status: NO_RESPONSE };
      const request = commitmentRequest(transactionUid, instances);
      request.on('response', (response: { getStatus(): number | undefined }) => {
        const status = response.getStatus() ?? NO_RESPONSE;
        answer = status === 0 ? { kind: 'accepted' } : { kind: 'refused', status };
      });
      return [request as never];
    },
    onEventReport: (report) => onReport(report).finally(reported.resolve),
    beforeRelease: () => (answer.kind === 'accepted' ? soon(answered, REPORT_WAIT_MS) : Promise.resolve()),
  };
  await associate(peer, caller, [context], conversation).catch((error: unknown) => {
    if (answer.kind !== 'accepted') throw error;
  });
  return answer;
}

export type CommitmentRequest = {
  readonly transactionUid: string;
  readonly instances: readonly Pick<InstanceFile, 'sopClassUid' | 'sopInstanceUid'>[];
};

/** No DIMSE status, but what stands for one when the peer released without an answer. */
const NO_RESPONSE = 0xffff;

function commitmentRequest(transactionUid: string, instances: CommitmentRequest['instances']) {
  const request = new requests.NActionRequest(SOP_CLASS.storageCommitmentPush, STORAGE_COMMITMENT_INSTANCE, 1);
  const elements = { TransactionUID: transactionUid, ReferencedSOPSequence: instances.map(reference) };
  request.setDataset(new Dataset(elements, TRANSFER_SYNTAX.implicitLittleEndian));
  return request;
}

const reference = ({ sopClassUid, sopInstanceUid }: CommitmentRequest['instances'][number]) => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: sopInstanceUid,
});

/** Waits for the event, but no longer than that. */
async function soon(event: Promise<void>, longestMs: number): Promise<void> {
  await Promise.race([event, pause(longestMs)]);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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
    if (context !== undefined)
      return [storeRequest(peer, file, new FileDataset(file, transferSyntaxOf(context)), settle)];
    const sopClassName = `SOP Class ${file.sopClassUid} in transfer syntax ${file.transferSyntaxUid}`;
    settle(file, new IchorError('NO_PRESENTATION_CONTEXT', { destination: peer.aeTitle, sopClassName }));
    return [];
  });
}

function storeRequest(
  peer: Peer,
  file: InstanceFile,
  dataset: FileDataset,
  settle: (file: InstanceFile, error: IchorError | null) => void,
): Request {
  const request = new requests.CStoreRequest(dataset);
  request.on('response', (response) =>
    settle(file, misanswered(peer, file, response) ?? storeError(peer, file, response)),
  );
  return request;
}

type StoreResponse = {
  /** A peer may leave out what the standard requires. */
  getStatus(): number | undefined;
  getErrorComment(): string | undefined;
  getCommandDataset(): { getElement(keyword: string): unknown };
};

/** An answer that names another instance says nothing of this one (PS3.7 §9.3.1.2). The UID may be left out. */
function misanswered(peer: Peer, { sopInstanceUid }: InstanceFile, response: StoreResponse): IchorError | null {
  const named = response.getCommandDataset().getElement('AffectedSOPInstanceUID');
  const other = typeof named === 'string' ? named.replaceAll(/[\0 ]+$/g, '') : '';
  if (other === '' || other === sopInstanceUid) return null;
  return new IchorError('STORE_MISANSWERED', { destination: peer.aeTitle, sopInstanceUid, other: other.slice(0, 64) });
}

/** C-STORE statuses (PS3.4 Table B.2-1, PS3.7 Annex C). Warnings mean stored; 0111 means that it was there already. */
function storeError(peer: Peer, { sopInstanceUid }: InstanceFile, response: StoreResponse): IchorError | null {
  const status = response.getStatus();
  if (typeof status !== 'number')
    return new IchorError('ASSOCIATION_LOST', { destination: peer.aeTitle, reason: 'it answered without a status' });
  if (meansStored(status)) return null;
  const facts = {
    destination: peer.aeTitle,
    sopInstanceUid,
    status: statusText(status),
  };
  if (isOutOfResources(status)) return new IchorError('STORE_OUT_OF_RESOURCES', facts);
  return new IchorError('STORE_REFUSED', { ...facts, comment: response.getErrorComment() || 'no comment' });
}

/** A dataset that is never parsed nor encoded again: its values are those of the file. */
class FileDataset extends Dataset {
  readonly #file: InstanceFile;
  constructor(file: InstanceFile, transferSyntaxUid: string) {
    super({ SOPClassUID: file.sopClassUid, SOPInstanceUID: file.sopInstanceUid }, transferSyntaxUid);
    this.#file = file;
  }
  /** The whole dataset; a deflated one of odd length gets the padding that PS3.5 §A.5 asks for. */
  override getDenaturalizedDataset(): Buffer {
    const bytes = readFileSync(this.#file.path).subarray(this.#file.datasetOffset);
    if (this.getTransferSyntaxUid() !== this.#file.transferSyntaxUid) return toImplicitVr(bytes);
    return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  }
}

type Conversation = {
  readonly requestsFor: (accepted: ReadonlySet<ContextKey>) => Request[];
  /** What the peer reports on this association; without it no report is expected. */
  readonly onEventReport?: (report: CommitmentReport) => Promise<void>;
  /** Waited for once every request has its answer. */
  readonly beforeRelease?: () => Promise<void>;
};

/** One association: proposes, sends what `requestsFor` gives for the accepted contexts, and releases. */
function associate(
  peer: Peer,
  caller: Caller,
  proposed: readonly ContextKey[],
  conversation: Conversation,
): Promise<void> {
  prepareLibrary();
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
    /** What a listener throws would end this process: the peer's odd answer ends its association instead. */
    const unusable = (error: unknown): void => broken(`its answer cannot be used (${reasonOf(error)})`);
    client.on('connected', () => mendNetwork(client, conversation.beforeRelease, broken, unusable));
    client.on('nEventReportRequest', (request: EventReport, respond: Respond) => {
      answerReport(request, respond, conversation.onEventReport).catch(unusable);
    });
    client.on('associationAccepted', (accepted: AcceptedAssociation) => {
      clearTimeout(connectTimer);
      phase = 'exchanging';
      client.clearRequests();
      try {
        for (const request of conversation.requestsFor(acceptedContexts(accepted))) client.addRequest(request);
      } catch (error) {
        unusable(error);
      }
    });
    client.on('associationRejected', (rejection: Rejection) => end(rejected(destination, rejection)));
    client.on('associationReleased', () => end(null));
    client.on('networkError', (error: Error) => broken(networkReason(error)));
    client.on('closed', () => broken('the peer closed the connection'));
    propose(client, proposed);
    client.send(peer.host, peer.port, caller.callingAeTitle, peer.aeTitle, optionsFor(peer, caller));
  });
}

type EventReport = InstanceType<typeof requests.NEventReportRequest>;
type Respond = (response: unknown) => void;
/** PS3.7 Annex C.5. */

/** Answers a storage commitment report that came on our own association (PS3.4 §J.3.3). */
async function answerReport(
  request: EventReport,
  respond: Respond,
  record: Conversation['onEventReport'],
): Promise<void> {
  const response = responses.NEventReportResponse.fromRequest(request);
  response.setStatus(STATUS.success);
  try {
    if (record === undefined) throw new Error('no report was asked for');
    await record(reportOf(request));
  } catch {
    response.setStatus(STATUS.processingFailure);
  }
  respond(response);
}

type SopReference = { ReferencedSOPInstanceUID?: string; FailureReason?: number };

function reportOf(request: EventReport): CommitmentReport {
  const elements = (request.getDataset()?.getElements() ?? {}) as Record<string, unknown>;
  const references = (keyword: string): SopReference[] => [elements[keyword] ?? []].flat() as SopReference[];
  return {
    transactionUid: String(elements['TransactionUID'] ?? ''),
    succeeded: references('ReferencedSOPSequence').map(({ ReferencedSOPInstanceUID: uid }) => uid ?? ''),
    failed: references('FailedSOPSequence').map(({ ReferencedSOPInstanceUID: uid, FailureReason }) => ({
      sopInstanceUid: uid ?? '',
      reason: Number(FailureReason ?? 0),
    })),
  };
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
      ...TLS_POLICY,
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

const socketOf = (client: Client) => (client as unknown as Internals).network?.socket;

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
