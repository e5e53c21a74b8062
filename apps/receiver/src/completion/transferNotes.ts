/** Transfers and losses as the index keeps them: written with each round, recorded as incidents. */

import { CT_IMAGES } from '@ichor/dicom/sopClasses';
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import type { Spool } from '@ichor/store/files/spool';
import type { Database } from '@ichor/store/postgres/database';
import type { Incidents } from '@ichor/store/rows/incident';
import type { StoredInstance } from '@ichor/store/rows/instance';
import type { NotStored } from '@ichor/store/rows/lostInstance';
import type { BrokenSeries } from '@ichor/store/rows/transfer';
import { type ClockOffset, endDeadTransfers, takeUpLeftOver, writeArrivals } from './arrivals.ts';
import { type LeftOver, openTransferJournal } from './transferJournal.ts';
import { trackTransfers } from './transfers.ts';

/** An end without a release. */
export type BrokenOff = { readonly reason: string; readonly callingAeTitle: string | null };

const NO_ASSOCIATION = -1;
const KILLED: BrokenOff = { reason: 'its receiver ended', callingAeTitle: null };

export type TransferNotes = {
  opened(associationId: number): void;
  sent(associationId: number, instance: StoredInstance): void;
  lost(associationId: number, lost: NotStored, code: string): void;
  /** It is stored, but the analysis will not find it. */
  notIndexed(instance: StoredInstance): void;
  /** The spool for CT slices of this association: its journal is written first. */
  spoolFor(associationId: number): Spool;
  /** The release is answered next. */
  released(associationId: number): void;
  closed(associationId: number, brokenOff: BrokenOff | null): void;
  /** Once a round, after the instances. @throws IchorError DATABASE_UNAVAILABLE; what was not written waits on */
  write(): Promise<void>;
};

type Parts = {
  readonly config: Pick<Config, 'maxAgeMs'>;
  readonly database: Database;
  readonly incidents: Incidents;
  readonly spool: Spool;
};

/** Well within the two seconds after which an open transfer counts as dead (migrations/0008). */
const SIGN_OF_LIFE_EVERY_MS = 500;
const LOOK_FOR_DEAD_EVERY_MS = 5_000;

export function startTransferNotes({ config, database, incidents, spool }: Parts): TransferNotes {
  const transfers = trackTransfers();
  const journal = openTransferJournal(spool.journalFolder);
  const startedAtMs = performance.now();
  let leftOver: readonly LeftOver[] | null = null;
  const offset: ClockOffset = { ms: Number.NaN };
  let [signOfLifeAt, lookForDeadAt] = [0, 0];

  function recordBrokenOff(series: readonly BrokenSeries[], { reason, callingAeTitle }: BrokenOff): void {
    const { code, message } = new IchorError('TRANSFER_BROKEN_OFF', { reason });
    for (const one of series) incidents.record({ code, message, ...one, callingAeTitle });
  }

  /** A loss that is not written yet would be forgotten with this process: then the transfer counts as broken off. */
  function released(associationId: number): void {
    const transfer = transfers.transferOf(associationId);
    if (transfer !== null && transfers.waiting(false).losses.length === 0) journal.released(transfer.transferId);
  }

  async function takeUp(): Promise<void> {
    leftOver ??= await journal.leftOver();
    if (leftOver.length === 0) return;
    const { alive, broken } = await takeUpLeftOver(database, leftOver, startedAtMs, offset);
    recordBrokenOff(broken, KILLED);
    for (const one of leftOver) if (!alive.includes(one)) await journal.settled(one.transferId);
    leftOver = alive;
  }

  return {
    opened: transfers.opened,
    sent: transfers.sent,
    lost: transfers.lost,
    notIndexed(instance) {
      const canBeCtSlice = CT_IMAGES.has(instance.sopClassUid);
      const identity = { commandUid: instance.sopInstanceUid, hasName: true, isCertain: true, canBeCtSlice };
      if (canBeCtSlice) transfers.lost(NO_ASSOCIATION, { ...instance, ...identity }, 'INTERNAL');
    },
    spoolFor: (associationId) => ({
      ...spool,
      async store(instance) {
        const transfer = transfers.transferOf(associationId);
        if (transfer !== null) await journal.began(transfer, instance.studyInstanceUid, instance.seriesInstanceUid);
        return spool.store(instance);
      },
    }),
    released,
    closed(associationId, brokenOff) {
      if (brokenOff === null) released(associationId);
      const transfer = transfers.transferOf(associationId);
      const series = transfers.closed(associationId, brokenOff === null);
      if (transfer !== null && transfer.series.size === 0) void journal.settled(transfer.transferId);
      if (brokenOff !== null) recordBrokenOff(series, brokenOff);
    },
    async write() {
      const isDue = performance.now() >= signOfLifeAt;
      const arrivals = transfers.waiting(isDue);
      await writeArrivals(database, arrivals, config, offset);
      transfers.written(arrivals);
      for (const { transferId } of arrivals.ended) await journal.settled(transferId);
      if (isDue) signOfLifeAt = performance.now() + SIGN_OF_LIFE_EVERY_MS;
      if (performance.now() < lookForDeadAt) return;
      await takeUp();
      recordBrokenOff(await endDeadTransfers(database, config), KILLED);
      lookForDeadAt = performance.now() + LOOK_FOR_DEAD_EVERY_MS;
    },
  };
}
