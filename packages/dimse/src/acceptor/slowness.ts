/** Holds an association to the progress rule (progress.ts) while an instance comes. */
import type { State } from './associationState.ts';
import { fail } from './ending.ts';
import type { IncomingDataset } from './messages.ts';

/** A peer that negotiated one operation at a time never gets here. */
const MOST_PENDING = 16;

/** We keep the peer waiting; it cannot be called slow. */
export const isHeldUp = (state: State): boolean => state.pending >= MOST_PENDING || !state.reader.mayGoOn();

/** @returns bytes of the dataset that came; those of a PDU that is not complete count too */
const positionOf = (state: State, { receivedBytes }: IncomingDataset): number => receivedBytes + state.framer.length();

export function noteProgress(state: State): void {
  const unfinished = state.reader.unfinished();
  if (unfinished === null) return;
  const { dataset } = unfinished;
  dataset.progress.tick(performance.now(), positionOf(state, dataset), !isHeldUp(state));
}

export function endIfTooSlow(state: State): void {
  noteProgress(state);
  const dataset = state.reader.unfinished()?.dataset;
  const isShort = state.context.memory.isShort();
  if (dataset === undefined || !dataset.progress.isTooSlow(dataset.ticket.heldBytes(), isShort)) return;
  fail(state, isShort ? 'its dataset came too slowly while others waited for memory' : 'its dataset came too slowly');
}
