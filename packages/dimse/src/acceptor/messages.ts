/** PDVs → DIMSE messages (PS3.7 §6.3.1, PS3.8 Annex E): a command, then its dataset if it has one. */
import { IchorError } from '@ichor/shared/errors';
import { FramingError, type Pdv } from './framing.ts';
import type { MemoryBudget, MemoryTicket } from './memory.ts';
import { makePieces, type Pieces } from './pieces.ts';
import { makeProgress, type Progress, type ProgressRule } from './progress.ts';
import { type Command, decodeCommand } from './scp.ts';

/** A dataset as it comes in: its bytes exactly as they were sent, or its head and the reason why the rest was dropped. */
export type IncomingDataset = {
  pieces: Pieces;
  /** Also of what was dropped. */
  receivedBytes: number;
  error: IchorError | null;
  readonly ticket: MemoryTicket;
  readonly progress: Progress;
};

export type Message = { readonly command: Command; readonly dataset: IncomingDataset | null };

export type MessageReader = {
  /** @returns the message that this PDV completes. @throws FramingError when it is out of place */
  push(pdv: Pdv): Message | null;
  /** Whether the dataset under way may be read on (see {@link MemoryBudget}). */
  mayGoOn(): boolean;
  /** The message under way: its dataset is not complete. */
  unfinished(): { readonly command: Command; readonly dataset: IncomingDataset } | null;
  /** Presentation context of a command under way. */
  begunContext(): number | null;
  /** Memory beside what the ticket of the dataset counts. */
  heldBytes(): number;
  /** Lets go of a dataset that will never be complete. */
  close(): void;
};

/** A command set is a few hundred bytes. */
const MAX_COMMAND_BYTES = 65_536;
/** An event report names instances of ours: thousands fit. */
const MAX_EVENT_BYTES = 1_048_576;
/** Of a dataset that is dropped this much stays, to tell whose it was. */
const HEAD_BYTES = 32_768;

export type ReaderLimits = ProgressRule & {
  readonly memory: MemoryBudget;
  readonly maxInstanceBytes: number;
  /** Called when reading may go on after {@link MessageReader.mayGoOn} said no. */
  readonly onRoom: () => void;
};

export function makeMessageReader(limits: ReaderLimits): MessageReader {
  let pieces = makePieces();
  let piecesContext: number | null = null;
  let awaiting: { command: Command; dataset: IncomingDataset } | null = null;

  function pushCommand({ value, contextId, isLast }: Pdv): Message | null {
    if (awaiting !== null) throw new FramingError('a command came where a dataset was due');
    if (piecesContext !== null && piecesContext !== contextId)
      throw new FramingError('a command changed its presentation context');
    for (const piece of value) pieces.add(piece);
    if (pieces.length() > MAX_COMMAND_BYTES) throw new FramingError(`a command exceeds ${MAX_COMMAND_BYTES} bytes`);
    piecesContext = contextId;
    if (!isLast) return null;
    const command = decodeCommand(contextId, Buffer.concat(pieces.list));
    [pieces, piecesContext] = [makePieces(), null];
    if (command.kind === 'other') throw new FramingError('an operation was requested that is not offered');
    if (!command.hasDataset) return { command, dataset: null };
    awaiting = { command, dataset: openDataset(limits) };
    return null;
  }

  function pushData(pdv: Pdv): Message | null {
    if (awaiting === null || awaiting.command.contextId !== pdv.contextId)
      throw new FramingError('a dataset came without its command');
    const { command, dataset } = awaiting;
    append(dataset, pdv, command.kind === 'C-STORE' ? limits.maxInstanceBytes : MAX_EVENT_BYTES);
    if (!pdv.isLast) return null;
    awaiting = null;
    return { command, dataset };
  }

  return {
    push: (pdv) => (pdv.isCommand ? pushCommand(pdv) : pushData(pdv)),
    mayGoOn: () => awaiting?.dataset.ticket.mayGoOn() ?? true,
    unfinished: () => awaiting,
    begunContext: () => piecesContext,
    heldBytes: () => pieces.heldBytes() + (awaiting === null || awaiting.dataset.error === null ? 0 : HEAD_BYTES),
    close() {
      if (awaiting !== null) letGo(awaiting.dataset);
      [awaiting, pieces, piecesContext] = [null, makePieces(), null];
    },
  };
}

const openDataset = (limits: ReaderLimits): IncomingDataset => ({
  pieces: makePieces(),
  receivedBytes: 0,
  error: null,
  ticket: limits.memory.open(limits.onRoom),
  progress: makeProgress(limits, performance.now()),
});

/** Over a limit the rest is read and dropped, so that the refusal can be answered and the association goes on. */
function append(dataset: IncomingDataset, { value, valueBytes }: Pdv, limitBytes: number): void {
  dataset.receivedBytes += valueBytes;
  if (dataset.error !== null) return;
  const { pieces, ticket } = dataset;
  for (const piece of value) pieces.add(piece);
  if (pieces.length() > limitBytes) dataset.error = new IchorError('INSTANCE_TOO_LARGE', { limitBytes });
  else if (!ticket.take(pieces.heldBytes() - ticket.heldBytes())) dataset.error = new IchorError('MEMORY_EXHAUSTED');
  if (dataset.error === null) return;
  dataset.pieces = makePieces([Buffer.concat(pieces.list, Math.min(HEAD_BYTES, pieces.length()))]);
  ticket.release();
}

/** When it is stored, refused or broken off. */
export function letGo(dataset: IncomingDataset): void {
  dataset.ticket.release();
  dataset.pieces = makePieces();
}
