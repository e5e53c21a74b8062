/** Bytes of a connection → PDUs → messages → what is done with them, with back-pressure and a count of what is held. */
import { asIchorError } from '@ichor/shared/errors';
import { parseAssociateRequest } from './associateRequest.ts';
import type { State } from './associationState.ts';
import { partsOf } from './associationState.ts';
import { abortedByPeer, fail, reject, releaseWhenDone } from './ending.ts';
import { FramingError, MAX_PDU_LENGTH, PDU, type Pdu, type Pdv, pdvsOf } from './framing.ts';
import { type IncomingDataset, letGo } from './messages.ts';
import { REJECTIONS } from './negotiate.ts';
import { associate } from './opening.ts';
import { perform } from './operations.ts';
import { isHeldUp, noteProgress } from './slowness.ts';
import { freeYoung } from './youngBuffers.ts';

/** What Node keeps of a connection that is not read on. */
const PAUSED_BYTES = 65_536;

export function receive(state: State, bytes: Buffer): void {
  state.framer.push(bytes);
  work(state);
  if (state.phase === 'awaiting' && !count(state)) reject(state, REJECTIONS.congestion);
}

/** Handles what is complete, in order, as far as reading is not blocked. */
export function work(state: State): void {
  if (state.isWorking) return;
  state.isWorking = true;
  try {
    while (state.phase !== 'closing' && !isBlocked(state) && step(state));
  } catch (error) {
    fail(state, error instanceof FramingError ? error.message : asIchorError(error).message, error);
  } finally {
    state.isWorking = false;
  }
  if (state.phase !== 'closing' && isBlocked(state)) state.socket.pause();
  else state.socket.resume();
  count(state);
  noteProgress(state);
}

/** Back-pressure: the peer's bytes wait in its own buffers. */
const isBlocked = (state: State): boolean => isHeldUp(state) || state.socket.writableNeedDrain;

/** @returns false when nothing is complete */
function step(state: State): boolean {
  const pdv = state.pdvs?.next();
  if (pdv !== undefined && !pdv.done) {
    readPdv(state, pdv.value);
    return true;
  }
  state.pdvs = null;
  const pdu = state.framer.next();
  if (pdu === null) return false;
  if (state.phase === 'established') state.since = performance.now();
  handle(state, pdu);
  return true;
}

/** @returns whether what this connection holds fits into the memory limit */
function count(state: State): boolean {
  const pdu = state.pdvs === null ? 0 : MAX_PDU_LENGTH;
  const paused = state.socket.isPaused() ? PAUSED_BYTES : 0;
  return state.buffer.set(state.framer.heldBytes() + state.reader.heldBytes() + pdu + paused);
}

function handle(state: State, pdu: Pdu): void {
  switch (pdu.type) {
    case PDU.associateRequest:
      associate(state, parseAssociateRequest(Buffer.concat(pdu.body)));
      break;
    case PDU.data:
      state.pdvs = pdvsOf(pdu);
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
  if (message === null) return;
  const answer = perform(message, partsOf(state));
  if (answer !== null) answerLater(state, message.dataset, answer);
  else if (message.dataset !== null) letGo(message.dataset);
}

function answerLater(state: State, dataset: IncomingDataset | null, answer: Promise<void>): void {
  state.pending++;
  answer
    .catch((error: unknown) => fail(state, asIchorError(error).message))
    .finally(() => {
      state.pending--;
      state.since = performance.now();
      if (dataset !== null) {
        const sizeBytes = dataset.pieces.length();
        letGo(dataset);
        freeYoung(sizeBytes);
      }
      releaseWhenDone(state);
      work(state);
    });
}
