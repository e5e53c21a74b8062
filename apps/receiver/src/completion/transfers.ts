/**
 * What associations have sent of CT, and what of it was lost, on its way into the database (docs/adr/0015).
 *
 * Noted at once, written in rounds; while the database is away it waits here, as stored instances do. A loss whose study could
 * not be read counts against every study of its association, those included that come later in it.
 */
import { randomUUID } from 'node:crypto';
import { CT_IMAGES } from '@ichor/dicom/sopClasses';
import type { StoredInstance } from '@ichor/store/rows/instance';
import type { Loss, NotStored } from '@ichor/store/rows/lostInstance';
import type { BrokenSeries, Transfer } from '@ichor/store/rows/transfer';

/** What is to be written. `open`: signs of life. */
export type Arrivals = {
  readonly open: readonly Transfer[];
  readonly ended: readonly Transfer[];
  readonly losses: readonly Loss[];
};

export type Transfers = {
  opened(associationId: number): void;
  /** An instance was stored, CT slice or not. */
  sent(associationId: number, instance: StoredInstance): void;
  lost(associationId: number, lost: NotStored, code: string): void;
  /** Of an open association. */
  transferOf(associationId: number): Pick<Transfer, 'transferId' | 'openedAtMs' | 'series'> | null;
  /** @returns the series that it leaves perhaps incomplete */
  closed(associationId: number, released: boolean): BrokenSeries[];
  /** What waits; of open transfers those with something new, or all. */
  waiting(allOpen: boolean): Arrivals;
  written(arrivals: Arrivals): void;
};

type Tracked = {
  readonly transferId: string;
  readonly openedAtMs: number;
  readonly series: Map<string, string>;
  readonly studies: Set<string>;
  /** Losses that count against whatever study this association sends to. */
  strays: (NotStored & { readonly code: string; readonly atMs: number })[];
  isNew: boolean;
};

export function trackTransfers(now: () => number = () => performance.now()): Transfers {
  const open = new Map<number, Tracked>();
  let ended: Transfer[] = [];
  const losses = new Map<string, Loss>();

  function lose(loss: Loss): void {
    losses.set(`${loss.studyInstanceUid} ${loss.sopInstanceUid} ${loss.commandUid}`, loss);
  }

  function belongs(transfer: Tracked | undefined, studyInstanceUid: string): void {
    if (transfer === undefined || transfer.studies.has(studyInstanceUid)) return;
    transfer.studies.add(studyInstanceUid);
    for (const stray of transfer.strays) lose({ ...stray, studyInstanceUid, studyKnown: false });
  }

  /** It came after all. */
  function found({ sopInstanceUid, studyInstanceUid }: StoredInstance): void {
    const isIt = (one: NotStored) => one.sopInstanceUid === sopInstanceUid || one.commandUid === sopInstanceUid;
    for (const [key, loss] of losses)
      if (isIt(loss) && (!loss.studyKnown || loss.studyInstanceUid === studyInstanceUid)) losses.delete(key);
    for (const transfer of open.values())
      if (transfer.strays.length > 0) transfer.strays = transfer.strays.filter((one) => !isIt(one));
  }

  return {
    opened: (associationId) => void open.set(associationId, tracked(now())),
    sent(associationId, instance) {
      const { seriesInstanceUid, studyInstanceUid } = instance;
      found(instance);
      const transfer = open.get(associationId);
      belongs(transfer, studyInstanceUid);
      if (!CT_IMAGES.has(instance.sopClassUid)) return;
      if (transfer === undefined) {
        // A release is answered after the last response: this one was being stored when its association broke off.
        const series = new Map([[seriesInstanceUid, studyInstanceUid]]);
        ended.push({ ...tracked(now()), series, ended: { atMs: now(), released: false } });
      } else if (!transfer.series.has(seriesInstanceUid)) {
        transfer.series.set(seriesInstanceUid, studyInstanceUid);
        transfer.isNew = true;
      }
    },
    lost(associationId, lost, code) {
      const transfer = open.get(associationId);
      const { studyInstanceUid } = lost;
      const identified = lost.sopInstanceUid === '' ? { ...lost, sopInstanceUid: randomUUID() } : lost;
      const loss = { ...identified, code, atMs: now() };
      if (studyInstanceUid !== null) {
        belongs(transfer, studyInstanceUid);
        lose({ ...loss, studyInstanceUid, studyKnown: true });
      } else if (transfer !== undefined) {
        transfer.strays.push(loss);
        for (const study of transfer.studies) lose({ ...loss, studyInstanceUid: study, studyKnown: false });
      }
    },
    transferOf: (associationId) => open.get(associationId) ?? null,
    closed(associationId, released) {
      const transfer = open.get(associationId);
      open.delete(associationId);
      if (transfer === undefined || transfer.series.size === 0) return [];
      ended.push({ ...transfer, ended: { atMs: now(), released } });
      if (released) return [];
      return [...transfer.series].map(([seriesInstanceUid, studyInstanceUid]) => ({
        seriesInstanceUid,
        studyInstanceUid,
      }));
    },
    waiting: (allOpen) => ({
      open: [...open.values()]
        .filter(({ isNew, series }) => isNew || (allOpen && series.size > 0))
        .map(({ transferId, openedAtMs, series }) => ({
          transferId,
          openedAtMs,
          series: new Map(series),
          ended: null,
        })),
      ended: [...ended],
      losses: [...losses.values()],
    }),
    written(arrivals) {
      const [ends, lost] = [new Set(arrivals.ended), new Set(arrivals.losses)];
      ended = ended.filter((one) => !ends.has(one));
      for (const [key, loss] of losses) if (lost.has(loss)) losses.delete(key);
      for (const { transferId, series } of arrivals.open)
        for (const transfer of open.values())
          if (transfer.transferId === transferId && transfer.series.size === series.size) transfer.isNew = false;
    },
  };
}

const tracked = (openedAtMs: number): Tracked => ({
  transferId: randomUUID(),
  openedAtMs,
  series: new Map(),
  studies: new Set(),
  strays: [],
  isNew: false,
});
