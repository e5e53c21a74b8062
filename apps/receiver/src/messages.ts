/** PDVs → DIMSE messages (PS3.7 §6.3.1, PS3.8 Annex E): a command, then its dataset if it has one. */
import { IchorError } from '@ichor/shared';
import { FramingError, type Pdv } from './framing.ts';
import type { MemoryBudget, MemoryTicket } from './memory.ts';
import { type Command, decodeCommand } from './scp.ts';

/** A dataset as it comes in: its pieces exactly as they were sent, or its head and the reason why the rest was dropped. */
export type IncomingDataset = {
  readonly chunks: Buffer[];
  sizeBytes: number;
  error: IchorError | null;
  readonly ticket: MemoryTicket;
};

export type Message = { readonly command: Command; readonly dataset: IncomingDataset | null };

export type MessageReader = {
  /** @returns the message that this PDV completes. @throws FramingError when it is out of place */
  push(pdv: Pdv): Message | null;
  /** Whether the dataset under way may be read on (see {@link MemoryBudget}). */
  mayGoOn(): boolean;
  /** The message under way: its dataset is not complete. */
  unfinished(): Message | null;
  /** Lets go of a dataset that will never be complete. */
  close(): void;
};

/** A command set is a few hundred bytes; an event report lists instances. */
const MAX_COMMAND_BYTES = 65_536;
const MAX_EVENT_BYTES = 16_777_216;

/** Of a dataset that is dropped this much stays, to tell whose it was. */
const HEAD_BYTES = 32_768;

export type ReaderLimits = {
  readonly memory: MemoryBudget;
  readonly maxInstanceBytes: number;
  /** Called when reading may go on after {@link MessageReader.mayGoOn} said no. */
  readonly onRoom: () => void;
};

export function makeMessageReader(limits: ReaderLimits): MessageReader {
  let pieces: Buffer[] = [];
  let piecesBytes = 0;
  let piecesContext: number | null = null;
  let awaiting: { command: Command; dataset: IncomingDataset } | null = null;

  function pushCommand({ value, valueBytes, contextId, isLast }: Pdv): Message | null {
    if (awaiting !== null) throw new FramingError('a command came where a dataset was due');
    if (piecesContext !== null && piecesContext !== contextId)
      throw new FramingError('a command changed its presentation context');
    pieces.push(...value);
    piecesBytes += valueBytes;
    if (piecesBytes > MAX_COMMAND_BYTES) throw new FramingError(`a command exceeds ${MAX_COMMAND_BYTES} bytes`);
    piecesContext = contextId;
    if (!isLast) return null;
    const command = decodeCommand(contextId, Buffer.concat(pieces));
    [pieces, piecesBytes, piecesContext] = [[], 0, null];
    if (command.kind === 'other') throw new FramingError('an operation was requested that is not offered');
    if (!command.hasDataset) return { command, dataset: null };
    awaiting = {
      command,
      dataset: { chunks: [], sizeBytes: 0, error: null, ticket: limits.memory.open(limits.onRoom) },
    };
    return null;
  }

  function pushData(pdv: Pdv): Message | null {
    if (awaiting === null || awaiting.command.contextId !== pdv.contextId)
      throw new FramingError('a dataset came without its command');
    const { command, dataset } = awaiting;
    const limitBytes = command.kind === 'C-STORE' ? limits.maxInstanceBytes : MAX_EVENT_BYTES;
    append(dataset, pdv, limitBytes);
    if (!pdv.isLast) return null;
    awaiting = null;
    return { command, dataset };
  }

  return {
    push: (pdv) => (pdv.isCommand ? pushCommand(pdv) : pushData(pdv)),
    mayGoOn: () => awaiting?.dataset.ticket.mayGoOn() ?? true,
    unfinished: () => awaiting,
    close() {
      awaiting?.dataset.ticket.release();
      awaiting = null;
    },
  };
}

/** Over a limit the rest is read and dropped, so that the refusal can be answered and the association goes on. */
function append(dataset: IncomingDataset, { value, valueBytes }: Pdv, limitBytes: number): void {
  if (dataset.error !== null) return;
  if (dataset.sizeBytes + valueBytes > limitBytes) dataset.error = new IchorError('INSTANCE_TOO_LARGE', { limitBytes });
  else if (!dataset.ticket.take(valueBytes)) dataset.error = new IchorError('MEMORY_EXHAUSTED');
  if (dataset.error === null) {
    dataset.chunks.push(...value);
    dataset.sizeBytes += valueBytes;
    return;
  }
  const head = Buffer.concat(dataset.chunks, Math.min(HEAD_BYTES, dataset.sizeBytes));
  dataset.chunks.splice(0, dataset.chunks.length, head);
  dataset.sizeBytes = head.length;
  dataset.ticket.release();
}
