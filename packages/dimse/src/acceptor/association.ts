/**
 * One association as acceptor (PS3.8 §9.2). Life of an association, each state with its exits:
 *
 *   awaiting     connected, no A-ASSOCIATE-RQ yet         → established | closing (rejected) | closed (garbage, ARTIM expired)
 *   established  messages are read and answered in order  → closing (release, idle, too slow, a broken rule) | closed (peer aborts)
 *   closing      our last word is said; bytes are ignored → closed by the peer, or by ARTIM
 *
 * A release is answered after the last pending response. The idle timer rests while an instance is being stored or waits for
 * memory. ARTIM runs from the begin of a state and the idle timer from the last complete PDU, so that single bytes keep
 * nobody alive; how fast an instance must come is in progress.ts. Reading pauses, instead of failing, while too much is pending:
 * see reading.ts.
 */
import type { Socket } from 'node:net';
import { type AssociationContext, newState } from './associationState.ts';
import { ended, fail, finish, watch } from './ending.ts';
import { receive, work } from './reading.ts';

export type RunningAssociation = {
  isEstablished(): boolean;
  /** Ends it once nothing is pending and the peer has nothing more to say. */
  finish(): void;
  abort(reason: string): void;
};

/** Speaks DICOM on a connected socket until it is closed. */
export function serveAssociation(socket: Socket, context: AssociationContext): RunningAssociation {
  const state = newState(socket, context, () => work(state));
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => receive(state, bytes));
  socket.on('drain', () => work(state));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => ended(state));
  watch(state);
  return {
    isEstablished: () => state.phase === 'established',
    finish: () => finish(state),
    abort(reason) {
      if (state.phase === 'closing') socket.destroy();
      else fail(state, reason);
    },
  };
}
