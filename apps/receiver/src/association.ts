/**
 * One association as acceptor (PS3.8 §9.2). Life of an association, each state with its exits:
 *
 *   awaiting     connected, no A-ASSOCIATE-RQ yet         → established | closing (rejected) | closed (garbage, ARTIM expired)
 *   established  messages are read and answered in order  → closing (release, idle, a broken rule) | closed (peer aborts)
 *   closing      our last word is said; bytes are ignored → closed by the peer, or by ARTIM
 *
 * A release is answered after the last pending response. The idle timer rests while an instance is being stored or waits for
 * memory. ARTIM runs from the begin of a state and the idle timer from the last complete PDU, so that single bytes keep
 * nobody alive. Reading pauses, instead of failing, while too much is pending: see {@link isBlocked}.
 */
import type { Socket } from 'node:net';
import type { CommitmentReport, Config } from '@ichor/shared';
import { asIchorError, IchorError, parseDataset } from '@ichor/shared';
import { type AssociateRequest, parseAssociateRequest } from './associateRequest.ts';
import { commitmentReportOf } from './commitmentReport.ts';
import { type Framer, FramingError, makeFramer, PDU, type Pdu, type Pdv, pdvsOf } from './framing.ts';
import type { MemoryBudget } from './memory.ts';
import { type IncomingDataset, type Message, type MessageReader, makeMessageReader } from './messages.ts';
import {
  CONTEXT_RESULT,
  type DecidedContext,
  decideContexts,
  type Rejection,
  rejectionOf,
  STORAGE_COMMITMENT_PUSH,
} from './negotiate.ts';
import { type Command, openWire, type Wire } from './scp.ts';
import { type StoreRequest, statusOf } from './storeInstance.ts';
import { freeYoung } from './youngBuffers.ts';

export type AssociationEvents = {
  /** Stores durably; what it throws becomes the status. */
  store(request: StoreRequest, association: AssociationInfo): Promise<void>;
  accepted(association: AssociationInfo): void;
  rejected(callingAeTitle: string, rejection: Rejection): void;
  /** The association ended without a release: a rule was broken, silence, A-ABORT, connection lost. */
  aborted(association: AssociationInfo | null, reason: string): void;
  closed(association: AssociationInfo | null): void;
  /**
   * An instance was refused, or its transfer broke off (INSTANCE_BROKEN_OFF; then before `aborted` and `closed`).
   * @param request its chunks are what came, at least the head of the dataset as far as that came
   */
  refused(request: StoreRequest, error: IchorError, association: AssociationInfo): void;
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
  /** Established associations. */
  readonly openAssociations: () => number;
};

/** A running association. `finish` ends it once nothing is pending and the peer has nothing more to say. */
export type RunningAssociation = { isEstablished(): boolean; finish(): void; abort(): void };

type State = {
  readonly socket: Socket;
  readonly context: AssociationContext;
  readonly wire: Wire;
  readonly framer: Framer;
  readonly reader: MessageReader;
  /** PDUs that are complete and not handled yet. */
  readonly queue: Pdu[];
  phase: 'awaiting' | 'established' | 'closing';
  info: AssociationInfo | null;
  contexts: ReadonlyMap<number, DecidedContext>;
  /** Requests whose response is not sent yet. */
  pending: number;
  releaseRequested: boolean;
  finishing: boolean;
  /** Begin of the phase, or the last complete PDU. */
  since: number;
  timer: NodeJS.Timeout | undefined;
};

/** A peer that negotiated one operation at a time never gets here. */
const MOST_PENDING = 16;
const DRAIN_IDLE_MS = 1_000;
let lastId = 0;

/** Speaks DICOM on a connected socket until it is closed. */
export function serveAssociation(socket: Socket, context: AssociationContext): RunningAssociation {
  const state: State = {
    socket,
    context,
    wire: openWire(socket),
    framer: makeFramer(),
    reader: makeMessageReader({
      memory: context.memory,
      maxInstanceBytes: context.config.maxInstanceBytes,
      onRoom: () => work(state),
    }),
    queue: [],
    phase: 'awaiting',
    info: null,
    contexts: new Map(),
    pending: 0,
    releaseRequested: false,
    finishing: false,
    since: performance.now(),
    timer: undefined,
  };
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => receive(state, bytes));
  socket.on('drain', () => work(state));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => ended(state));
  watch(state);
  return {
    isEstablished: () => state.phase === 'established',
    finish: () => finish(state),
    abort: () => fail(state, 'Ichor is shutting down'),
  };
}

function receive(state: State, bytes: Buffer): void {
  try {
    const pdus = state.framer.push(bytes);
    if (pdus.length > 0 && state.phase === 'established') state.since = performance.now();
    state.queue.push(...pdus);
    work(state);
  } catch (error) {
    fail(state, faultOf(error));
  }
}

/** A peer that breaks the protocol is no fault of ours. */
const faultOf = (thrown: unknown): string =>
  thrown instanceof FramingError ? thrown.message : asIchorError(thrown).message;

/** Handles complete PDUs in order, as far as reading is not blocked. */
function work(state: State): void {
  try {
    while (state.queue.length > 0 && state.phase !== 'closing' && !isBlocked(state))
      handle(state, state.queue.shift()!);
  } catch (error) {
    fail(state, faultOf(error));
  }
  if (state.phase !== 'closing' && isBlocked(state)) state.socket.pause();
  else state.socket.resume();
}

/** Back-pressure: the peer's bytes wait in its own buffers. */
const isBlocked = (state: State): boolean =>
  state.pending >= MOST_PENDING || state.socket.writableNeedDrain || !state.reader.mayGoOn();

function handle(state: State, pdu: Pdu): void {
  switch (pdu.type) {
    case PDU.associateRequest:
      associate(state, parseAssociateRequest(Buffer.concat(pdu.body)));
      break;
    case PDU.data:
      for (const pdv of pdvsOf(pdu)) readPdv(state, pdv);
      break;
    case PDU.releaseRequest:
      state.releaseRequested = true;
      releaseWhenDone(state);
      break;
    default:
      abortedByPeer(state);
  }
}

function readPdv(state: State, pdv: Pdv): void {
  if (!state.contexts.has(pdv.contextId))
    throw new FramingError(`presentation context ${pdv.contextId} was not accepted`);
  const message = state.reader.push(pdv);
  if (message !== null) perform(state, message);
}

function associate(state: State, request: AssociateRequest): void {
  const { config, events, openAssociations } = state.context;
  const rejection = rejectionOf(
    {
      ...request,
      remoteAddress: state.socket.remoteAddress ?? '',
      openAssociations: state.finishing ? Number.POSITIVE_INFINITY : openAssociations(),
    },
    config,
  );
  if (rejection !== null) {
    events.rejected(request.callingAeTitle, rejection);
    state.wire.reject(rejection);
    close(state);
    return;
  }
  const contexts = decideContexts(request);
  state.contexts = new Map(
    contexts.filter(({ result }) => result === CONTEXT_RESULT.accepted).map((context) => [context.id, context]),
  );
  state.info = { id: ++lastId, callingAeTitle: request.callingAeTitle };
  state.phase = 'established';
  state.since = performance.now();
  watch(state);
  events.accepted(state.info);
  state.wire.accept(request, contexts);
}

function perform(state: State, { command, dataset }: Message): void {
  switch (command.kind) {
    case 'C-ECHO':
      dataset?.ticket.release();
      state.wire.respond(command, 0);
      break;
    case 'C-STORE':
      answerLater(state, dataset, store(state, command, dataset));
      break;
    case 'N-EVENT-REPORT':
      answerLater(state, dataset, report(state, command, dataset));
      break;
    default:
      dataset?.ticket.release();
  }
}

function answerLater(state: State, dataset: IncomingDataset | null, answer: Promise<void>): void {
  state.pending++;
  answer
    .catch((error: unknown) => fail(state, asIchorError(error).message))
    .finally(() => {
      state.pending--;
      state.since = performance.now();
      if (dataset !== null) letGo(dataset);
      releaseWhenDone(state);
      work(state);
    });
}

function letGo(dataset: IncomingDataset): void {
  dataset.ticket.release();
  dataset.chunks.length = 0;
  freeYoung(dataset.sizeBytes);
}

async function store(state: State, command: Command, dataset: IncomingDataset | null): Promise<void> {
  const request = storeRequestOf(state, command, dataset);
  try {
    if (dataset === null) throw new IchorError('DATASET_UNREADABLE', { reason: 'there is none' });
    if (dataset.error !== null) throw dataset.error;
    await state.context.events.store(request, state.info!);
    respond(state, command, 0);
  } catch (thrown) {
    const error = asIchorError(thrown);
    state.context.events.refused(request, error, state.info!);
    respond(state, command, statusOf(error), error.message);
  }
}

function storeRequestOf(state: State, command: Command, dataset: IncomingDataset | null): StoreRequest {
  const context = state.contexts.get(command.contextId)!;
  return {
    sopClassUid: command.sopClassUid,
    sopInstanceUid: command.sopInstanceUid,
    abstractSyntaxUid: context.abstractSyntaxUid,
    transferSyntaxUid: context.transferSyntaxUid!,
    callingAeTitle: state.info!.callingAeTitle,
    chunks: dataset?.chunks ?? [],
    ...(dataset !== null && { takeMemory: dataset.ticket.take }),
  };
}

/** An instance that will never be complete must be told: without it its study has a hole. */
function tellBrokenOff(state: State, reason: string): void {
  const unfinished = state.reader.unfinished();
  if (unfinished?.command.kind === 'C-STORE') {
    const error = new IchorError('INSTANCE_BROKEN_OFF', { reason });
    state.context.events.refused(storeRequestOf(state, unfinished.command, unfinished.dataset), error, state.info!);
  }
  state.reader.close();
}

/** Any fault is a processing failure (PS3.7 Annex C), so that the PACS reports again. */
async function report(state: State, command: Command, dataset: IncomingDataset | null): Promise<void> {
  const { abstractSyntaxUid, transferSyntaxUid } = state.contexts.get(command.contextId)!;
  try {
    if (abstractSyntaxUid !== STORAGE_COMMITMENT_PUSH)
      throw new IchorError('SOP_CLASS_MISMATCH', { sopClassUid: command.sopClassUid, abstractSyntaxUid });
    if (dataset?.error) throw dataset.error;
    const bytes = Buffer.concat(dataset?.chunks ?? []);
    await state.context.events.commitment(commitmentReportOf(parseDataset(bytes, transferSyntaxUid!)));
    respond(state, command, 0);
  } catch (thrown) {
    respond(state, command, 0x0110, asIchorError(thrown).message);
  }
}

function respond(state: State, command: Command, status: number, comment?: string): void {
  if (state.phase === 'established' && state.socket.writable) state.wire.respond(command, status, comment);
}

function releaseWhenDone(state: State): void {
  if (!state.releaseRequested || state.pending > 0 || state.phase !== 'established') return;
  tellBrokenOff(state, 'the peer released the association within it');
  state.wire.confirmRelease();
  close(state);
}

function abortedByPeer(state: State): void {
  tellBrokenOff(state, 'the peer sent A-ABORT');
  state.context.events.aborted(state.info, 'the peer sent A-ABORT');
  state.phase = 'closing';
  state.socket.destroy();
}

/** Ends an association that cannot go on: A-ABORT as far as the peer still listens, then close. */
function fail(state: State, reason: string): void {
  if (state.phase === 'closing') return;
  const isEstablished = state.phase === 'established';
  tellBrokenOff(state, reason);
  state.context.events.aborted(state.info, reason);
  if (isEstablished) state.wire.abort();
  close(state);
  if (!isEstablished) state.socket.destroy();
}

/** After our last word. */
function close(state: State): void {
  state.phase = 'closing';
  state.framer.expect('nothing');
  state.queue.length = 0;
  state.reader.close();
  state.since = performance.now();
  state.socket.end();
  watch(state);
}

function ended(state: State): void {
  if (state.phase === 'established') {
    tellBrokenOff(state, 'the connection was lost');
    state.context.events.aborted(state.info, 'the connection was lost without a release');
  }
  state.phase = 'closing';
  clearTimeout(state.timer);
  state.queue.length = 0;
  state.reader.close();
  state.context.events.closed(state.info);
}

function finish(state: State): void {
  state.finishing = true;
  if (state.phase === 'awaiting') state.socket.destroy();
  else watch(state);
}

/** ARTIM before and after the association, the idle limit during it. */
function watch(state: State): void {
  clearTimeout(state.timer);
  if (state.socket.destroyed) return;
  if (state.phase === 'established' && (state.pending > 0 || !state.reader.mayGoOn())) state.since = performance.now();
  const leftMs = limitMs(state) - (performance.now() - state.since);
  if (leftMs > 0) {
    state.timer = setTimeout(() => watch(state), leftMs + 1);
  } else if (state.phase === 'closing') {
    state.socket.destroy();
  } else if (state.phase === 'awaiting') {
    fail(state, 'no A-ASSOCIATE-RQ within the ARTIM time');
  } else {
    fail(state, state.finishing ? 'Ichor is shutting down' : 'idle for too long');
  }
}

function limitMs({ phase, finishing, context: { config } }: State): number {
  if (phase !== 'established') return config.artimMs;
  return finishing ? Math.min(config.idleTimeoutMs, DRAIN_IDLE_MS) : config.idleTimeoutMs;
}
