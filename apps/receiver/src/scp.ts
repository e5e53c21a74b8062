/**
 * One association as SCP (sole importer of dcmjs-dimse's server side).
 *
 * The library is used as codec of PDUs and commands and as model of the association. Its socket handling is replaced
 * (`_wrapSocket`), because as it stands it loses PDVs, buffers without bound and never lets go of silent peers; and received
 * datasets stay the bytes they are. Life of an association, each state with its exits:
 *
 *   awaiting     connected, no A-ASSOCIATE-RQ yet          → established | closing (rejected, garbage, ARTIM expired)
 *   established  PDUs are handled in order                 → closing (release, abort, idle, garbage)
 *   closing      our last word is said; bytes are ignored  → closed by the peer or by ARTIM
 *
 * A release is answered after the last pending response. The idle timer rests while an instance is being stored.
 */
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { Config } from '@ichor/shared';
import { asIchorError, IchorError } from '@ichor/shared';
import dimse from 'dcmjs-dimse';
import { type Framer, type FramingError, MAX_PDU_LENGTH, makeFramer } from './framing.ts';
import type { MemoryBudget } from './memory.ts';
import { CONTEXT_RESULT, decideContext, type Rejection, rejectionOf } from './negotiate.ts';
import { type StoreRequest, statusOf } from './storeInstance.ts';
import type { CommitmentReport } from './types.ts';

dimse.log.setLevel('silent');

export type AssociationEvents = {
  /** Stores durably; what it throws becomes the status. */
  store(request: StoreRequest, association: AssociationInfo): Promise<void>;
  accepted(association: AssociationInfo): void;
  rejected(callingAeTitle: string, rejection: Rejection): void;
  /** The association broke a rule or went silent. */
  aborted(association: AssociationInfo | null, reason: string): void;
  closed(association: AssociationInfo | null): void;
  refused(request: StoreRequest, error: IchorError): void;
  commitment(report: CommitmentReport): Promise<void>;
};
export type AssociationInfo = { readonly id: number; readonly callingAeTitle: string };
export type AssociationContext = {
  readonly config: Pick<
    Config,
    'aeTitle' | 'callers' | 'maxAssociations' | 'maxInstanceBytes' | 'artimMs' | 'idleTimeoutMs'
  >;
  readonly memory: MemoryBudget;
  readonly events: AssociationEvents;
  readonly openAssociations: () => number;
};

/** A running association. `finish` closes it once nothing is pending. */
export type RunningAssociation = { finish(): void; abort(): void };

let lastId = 0;

/** Speaks DICOM on a connected socket until it is closed. */
export function serveAssociation(socket: Socket, context: AssociationContext): RunningAssociation {
  return new StorageScp(socket, context) as unknown as RunningAssociation;
}

/** Collects one dataset. It never pushes back, because the library loses data when it does; the limits do instead. */
class DatasetSink extends Writable {
  readonly chunks: Buffer[] = [];
  size = 0;
  error: IchorError | null = null;
  readonly #memory: MemoryBudget;
  readonly #limitBytes: number;

  constructor(memory: MemoryBudget, limitBytes: number) {
    super({ highWaterMark: 2 ** 31 });
    this.#memory = memory;
    this.#limitBytes = limitBytes;
  }

  /** Over a limit the rest is read and dropped, so that the refusal can be answered and the association goes on. */
  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    if (this.error === null && this.size + bytes.length > this.#limitBytes)
      this.#fail(new IchorError('INSTANCE_TOO_LARGE', { limitBytes: this.#limitBytes }));
    if (this.error === null && !this.#memory.take(bytes.length)) this.#fail(new IchorError('MEMORY_EXHAUSTED', {}));
    if (this.error === null) {
      this.chunks.push(bytes);
      this.size += bytes.length;
    }
    done();
  }

  #fail(error: IchorError): void {
    this.error = error;
    this.release();
  }

  release(): void {
    this.#memory.give(this.size);
    this.size = 0;
    this.chunks.length = 0;
  }
}

type Command = ReturnType<typeof dimse.responses.CStoreResponse.fromRequest>;
type Respond = (response: Command) => void;
type ContextModel = dimse.association.PresentationContext;
type StoreCommand = { getDataset(): unknown; getAffectedSopClassUid(): string; getAffectedSopInstanceUid(): string };

/** What the untyped part of the library looks like from here. */
type Internals = {
  _processPdu(pdu: Buffer): Promise<void>;
  dimse: unknown;
  dimseStream: unknown;
};

class StorageScp extends dimse.Scp {
  declare private context: AssociationContext;
  declare private info: AssociationInfo | null;
  declare private phase: 'awaiting' | 'established' | 'closing';
  declare private framer: Framer;
  declare private inFlight: number;
  declare private lastTraffic: number;
  declare private timer: NodeJS.Timeout | undefined;
  declare private finishing: boolean;
  declare private peer: Socket;

  constructor(socket: Socket, context: AssociationContext) {
    super(socket as never, {});
    this.context = context;
    this.arm();
  }

  /** Called by the library's constructor, before ours: everything that a first byte may touch is set here. */
  _wrapSocket(): void {
    const socket = (this as unknown as { socket: Socket }).socket;
    this.peer = socket;
    this.info = null;
    this.phase = 'awaiting';
    this.framer = makeFramer();
    this.inFlight = 0;
    this.finishing = false;
    this.lastTraffic = performance.now();
    (this as unknown as { connected: boolean }).connected = true;
    socket.setNoDelay(true);
    let queued = 0;
    let chain: Promise<void> = Promise.resolve();
    socket.on('data', (bytes: Buffer) => {
      this.lastTraffic = performance.now();
      for (const pdu of this.framed(bytes)) {
        if (++queued === 64) socket.pause();
        chain = chain
          .then(() => this.handle(pdu))
          .then(() => {
            if (queued-- === 64) socket.resume();
          });
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => this.ended());
    (this as unknown as NodeJS.EventEmitter).on('networkError', (error: Error) => this.fail(error.message));
  }

  private framed(bytes: Buffer): Buffer[] {
    try {
      return this.framer.push(bytes);
    } catch (error) {
      this.fail((error as FramingError).message);
      return [];
    }
  }

  private async handle(pdu: Buffer): Promise<void> {
    if (this.phase !== 'closing') await (this as unknown as Internals)._processPdu(pdu);
  }

  /** ARTIM before and after the association, the idle limit during it. */
  private arm(): void {
    const { artimMs, idleTimeoutMs } = this.context.config;
    const limitMs = this.phase === 'established' ? idleTimeoutMs : artimMs;
    if (this.inFlight > 0) this.lastTraffic = performance.now();
    const leftMs = limitMs - (performance.now() - this.lastTraffic);
    clearTimeout(this.timer);
    if (leftMs > 0) this.timer = setTimeout(() => this.arm(), leftMs + 1);
    else if (this.phase === 'closing') this.peer.destroy();
    else this.fail(this.phase === 'awaiting' ? 'no A-ASSOCIATE-RQ within the ARTIM time' : 'idle for too long');
  }

  /** Ends an association that cannot go on: A-ABORT as far as the peer still listens, then close. */
  private fail(reason: string): void {
    if (this.phase === 'closing') return;
    const spoke = this.phase === 'established';
    this.close();
    this.context.events.aborted(this.info, reason);
    if (spoke) this.sendAbort(2, 0);
    this.peer.end();
    if (!spoke) this.peer.destroy();
  }

  /** After our last word. */
  private close(): void {
    this.phase = 'closing';
    this.framer.expect('nothing');
    this.lastTraffic = performance.now();
    this.arm();
  }

  private ended(): void {
    clearTimeout(this.timer);
    const sink = (this as unknown as { dimseStoreStream?: unknown }).dimseStoreStream;
    if (sink instanceof DatasetSink) sink.release();
    this.phase = 'closing';
    this.framer.expect('nothing');
    this.context.events.closed(this.info);
  }

  finish(): void {
    this.finishing = true;
    if (this.inFlight === 0 && this.phase === 'awaiting') this.peer.destroy();
  }

  override associationRequested(association: dimse.association.Association): void {
    const { config, events, openAssociations } = this.context;
    const callingAeTitle = association.getCallingAeTitle().trim();
    const rejection = rejectionOf(
      {
        callingAeTitle,
        calledAeTitle: association.getCalledAeTitle(),
        applicationContext: association.getApplicationContextName(),
        protocolVersion: 1,
        remoteAddress: this.peer.remoteAddress ?? '',
        openAssociations: this.finishing ? Number.POSITIVE_INFINITY : openAssociations(),
      },
      config,
    );
    if (rejection !== null) {
      events.rejected(callingAeTitle, rejection);
      this.sendAssociationReject(rejection.result, rejection.source, rejection.reason);
      this.close();
      this.peer.end();
      return;
    }
    this.accept(association, callingAeTitle);
  }

  private accept(association: dimse.association.Association, callingAeTitle: string): void {
    association.setMaxPduLength(MAX_PDU_LENGTH);
    for (const { context } of association.getPresentationContexts()) {
      const decision = decideContext(context.getAbstractSyntaxUid(), context.getTransferSyntaxUids());
      if (decision.result === CONTEXT_RESULT.accepted) context.setResult(decision.result, decision.transferSyntaxUid);
      else context.setResult(decision.result);
    }
    this.info = { id: ++lastId, callingAeTitle };
    this.phase = 'established';
    this.context.events.accepted(this.info);
    this.sendAssociationAccept();
  }

  override associationReleaseRequested(): void {
    if (this.inFlight > 0) {
      setTimeout(() => this.associationReleaseRequested(), 5);
      return;
    }
    if (this.phase !== 'established') return;
    this.sendAssociationReleaseResponse();
    this.close();
    this.peer.end();
  }

  override abort(): void {
    this.close();
    this.peer.destroy();
  }

  override cEchoRequest(request: unknown, respond: Respond): void {
    const response = dimse.responses.CEchoResponse.fromRequest(request as never);
    response.setStatus(0);
    respond(response as Command);
  }

  override createStoreWritableStream(context: ContextModel): Writable {
    if (context.getResult() !== CONTEXT_RESULT.accepted)
      throw new Error('a C-STORE came in a presentation context that was refused');
    const sink = new DatasetSink(this.context.memory, this.context.config.maxInstanceBytes);
    return Object.assign(sink, { context });
  }

  override createDatasetFromStoreWritableStream(
    sink: Writable,
    _context: unknown,
    done: (dataset: never) => void,
  ): void {
    done(sink as never);
  }

  override cStoreRequest(command: unknown, respond: Respond): void {
    this.inFlight++;
    this.storeAndAnswer(command as StoreCommand, respond)
      .catch((error: unknown) => this.fail(asIchorError(error).message))
      .finally(() => {
        this.inFlight--;
        this.lastTraffic = performance.now();
      });
  }

  private async storeAndAnswer(command: StoreCommand, respond: Respond): Promise<void> {
    const sink = command.getDataset() as DatasetSink & { context: ContextModel };
    const request: StoreRequest = {
      sopClassUid: command.getAffectedSopClassUid(),
      sopInstanceUid: command.getAffectedSopInstanceUid(),
      abstractSyntaxUid: sink.context.getAbstractSyntaxUid(),
      transferSyntaxUid: sink.context.getAcceptedTransferSyntaxUid() ?? '',
      callingAeTitle: this.info?.callingAeTitle ?? '',
      chunks: sink.chunks,
    };
    const response = dimse.responses.CStoreResponse.fromRequest(command as never);
    response.setStatus(0);
    try {
      if (sink.error !== null) throw sink.error;
      await this.context.events.store(request, this.info!);
    } catch (thrown) {
      const error = asIchorError(thrown);
      response.setStatus(statusOf(error));
      response.setErrorComment(error.message.slice(0, 64));
      this.context.events.refused({ ...request, chunks: [] }, error);
    } finally {
      sink.release();
    }
    if (this.peer.writable) respond(response);
  }

  override nEventReportRequest(request: unknown, respond: (response: never) => void): void {
    this.inFlight++;
    this.reportAndAnswer(request as never, respond as Respond)
      .catch((error: unknown) => this.fail(asIchorError(error).message))
      .finally(() => {
        this.inFlight--;
      });
  }

  private async reportAndAnswer(
    request: { getDataset(): { getElements(): Record<string, unknown> } },
    respond: Respond,
  ): Promise<void> {
    const response = dimse.responses.NEventReportResponse.fromRequest(request as never);
    try {
      await this.context.events.commitment(reportOf(request.getDataset().getElements()));
      response.setStatus(0);
    } catch {
      response.setStatus(0x0110);
    }
    if (this.peer.writable) respond(response as Command);
  }

  /** The library never empties its command buffer: many commands would cost quadratic time. */
  _performDimse(context: unknown, command: { hasDataset(): boolean }): void {
    perform.call(this, context, command);
    if (!command.hasDataset()) (this as unknown as Internals).dimseStream = undefined;
  }

  override cFindRequest(..._outside: unknown[]): void {
    this.fail('C-FIND is not offered');
  }
  override cMoveRequest(..._outside: unknown[]): void {
    this.fail('C-MOVE is not offered');
  }
  override cGetRequest(..._outside: unknown[]): void {
    this.fail('C-GET is not offered');
  }
  override nCreateRequest(..._outside: unknown[]): void {
    this.fail('N-CREATE is not offered');
  }
  override nActionRequest(..._outside: unknown[]): void {
    this.fail('N-ACTION is not offered');
  }
  override nDeleteRequest(..._outside: unknown[]): void {
    this.fail('N-DELETE is not offered');
  }
  override nGetRequest(..._outside: unknown[]): void {
    this.fail('N-GET is not offered');
  }
  override nSetRequest(..._outside: unknown[]): void {
    this.fail('N-SET is not offered');
  }
}

const perform = (
  Object.getPrototypeOf(dimse.Scp.prototype) as { _performDimse(context: unknown, command: unknown): void }
)._performDimse;

type ReferencedSop = { ReferencedSOPInstanceUID: string; FailureReason?: number };

/** PS3.4 §J.3.3: Transaction UID, Referenced SOP Sequence, Failed SOP Sequence. */
function reportOf(elements: Record<string, unknown>): CommitmentReport {
  const items = (keyword: string): ReferencedSop[] =>
    ((elements[keyword] as ReferencedSop[] | undefined) ?? []).filter(Boolean);
  return {
    transactionUid: String(elements['TransactionUID'] ?? ''),
    succeeded: items('ReferencedSOPSequence').map((item) => item.ReferencedSOPInstanceUID),
    failed: items('FailedSOPSequence').map((item) => ({
      sopInstanceUid: item.ReferencedSOPInstanceUID,
      reason: Number(item.FailureReason ?? 0),
    })),
  };
}
