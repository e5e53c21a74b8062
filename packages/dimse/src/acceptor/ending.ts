/** Every way in which an association ends, and the timers that end it (PS3.8 §9.2; ARTIM §9.1.4). */
import type { State } from './associationState.ts';
import { partsOf } from './associationState.ts';
import { AssociateRequestError } from './framing.ts';
import { REJECTIONS, type Rejection } from './negotiate.ts';
import { refuseBegun, refuseBrokenOff } from './operations.ts';

const DRAIN_IDLE_MS = 1_000;

export function reject(state: State, rejection: Rejection): void {
  state.context.events.rejected(state.peer.callingAeTitle ?? '', rejection, state.peer);
  state.wire.reject(rejection);
  close(state);
}

export function releaseWhenDone(state: State): void {
  if (!state.releaseRequested || state.pending > 0 || state.phase !== 'established') return;
  dropUnfinished(state, 'the peer released the association within it');
  state.context.events.released(state.info!);
  state.wire.confirmRelease();
  close(state);
}

export function abortedByPeer(state: State): void {
  dropUnfinished(state, 'the peer sent A-ABORT');
  state.context.events.aborted(state.info, 'the peer sent A-ABORT', state.peer);
  state.phase = 'closing';
  state.socket.destroy();
}

function dropUnfinished(state: State, reason: string): void {
  const unfinished = state.reader.unfinished();
  const begun = state.reader.begunContext() ?? state.framer.begunContext();
  if (unfinished !== null) refuseBrokenOff(unfinished, reason, partsOf(state));
  else if (begun !== null) refuseBegun(begun, reason, partsOf(state));
  state.reader.close();
}

/** Ends an association that cannot go on: A-ABORT or A-ASSOCIATE-RJ as far as the peer understands it, then close. */
export function fail(state: State, reason: string, cause?: unknown): void {
  if (state.phase === 'closing') return;
  const isEstablished = state.phase === 'established';
  const isRequest = cause instanceof AssociateRequestError;
  if (isRequest) state.peer = { ...state.peer, callingAeTitle: cause.callingAeTitle };
  dropUnfinished(state, reason);
  state.context.events.aborted(state.info, reason, state.peer);
  if (isEstablished) state.wire.abort();
  else if (isRequest) state.wire.reject(REJECTIONS.unreadable);
  close(state);
  if (!isEstablished && !isRequest) state.socket.destroy();
}

/** After our last word. */
function close(state: State): void {
  state.phase = 'closing';
  clearInterval(state.progressTimer);
  state.framer.expect('nothing');
  state.pdvs = null;
  state.reader.close();
  state.since = performance.now();
  state.socket.end();
  watch(state);
}

export function ended(state: State): void {
  if (state.phase === 'established') {
    dropUnfinished(state, 'the connection was lost');
    state.context.events.aborted(state.info, 'the connection was lost without a release', state.peer);
  }
  state.phase = 'closing';
  clearTimeout(state.timer);
  clearInterval(state.progressTimer);
  state.framer.expect('nothing');
  state.pdvs = null;
  state.reader.close();
  state.buffer.set(0);
  state.context.events.closed(state.info);
}

export function finish(state: State): void {
  state.finishing = true;
  if (state.phase === 'awaiting') state.socket.destroy();
  else watch(state);
}

/** ARTIM before and after the association, the idle limit during it. */
export function watch(state: State): void {
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
