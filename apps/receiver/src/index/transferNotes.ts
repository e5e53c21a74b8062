/** Transfers and losses as the index keeps them: written with each round, told as incidents. */
import { type Config, type Database, IchorError, type Incidents } from '@ichor/shared';
import type { NotStored } from '../loss.ts';
import type { StoredInstance } from '../types.ts';
import { type ClockOffset, endDeadTransfers, writeArrivals } from './lossRows.ts';
import { trackTransfers } from './transfers.ts';

/** An end without a release. */
export type BrokenOff = { readonly reason: string; readonly callingAeTitle: string | null };

export type TransferNotes = {
  opened(associationId: number): void;
  sent(associationId: number, instance: StoredInstance): void;
  lost(associationId: number, lost: NotStored, code: string): void;
  closed(associationId: number, brokenOff: BrokenOff | null): void;
  /** Once a round, after the instances. @throws IchorError DATABASE_UNAVAILABLE; what was not written waits on */
  write(): Promise<void>;
};

type Parts = {
  readonly config: Pick<Config, 'maxAgeMs'>;
  readonly database: Database;
  readonly incidents: Incidents;
};

/** Well within the two seconds after which an open transfer counts as dead (migrations/0008). */
const SIGN_OF_LIFE_EVERY_MS = 500;
const LOOK_FOR_DEAD_EVERY_MS = 5_000;

export function startTransferNotes({ config, database, incidents }: Parts): TransferNotes {
  const transfers = trackTransfers();
  const offset: ClockOffset = { ms: Number.NaN };
  let [signOfLifeAt, lookForDeadAt] = [0, 0];

  function tell(series: ReadonlyMap<string, string>, { reason, callingAeTitle }: BrokenOff): void {
    const { code, message } = new IchorError('TRANSFER_BROKEN_OFF', { reason });
    for (const [seriesInstanceUid, studyInstanceUid] of series)
      incidents.record({ code, message, studyInstanceUid, seriesInstanceUid, callingAeTitle });
  }

  return {
    opened: transfers.opened,
    sent: transfers.sent,
    lost: transfers.lost,
    closed(associationId, brokenOff) {
      const series = transfers.closed(associationId, brokenOff === null);
      if (brokenOff !== null) tell(series, brokenOff);
    },
    async write() {
      const isDue = performance.now() >= signOfLifeAt;
      const arrivals = transfers.waiting(isDue);
      await writeArrivals(database, arrivals, config, offset);
      transfers.written(arrivals);
      if (isDue) signOfLifeAt = performance.now() + SIGN_OF_LIFE_EVERY_MS;
      if (performance.now() < lookForDeadAt) return;
      for (const { seriesInstanceUid, studyInstanceUid } of await endDeadTransfers(database, config))
        tell(new Map([[seriesInstanceUid, studyInstanceUid]]), { reason: 'its receiver ended', callingAeTitle: null });
      lookForDeadAt = performance.now() + LOOK_FOR_DEAD_EVERY_MS;
    },
  };
}
