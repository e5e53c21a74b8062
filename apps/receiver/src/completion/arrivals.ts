/**
 * What was lost and what broke off, into the database (docs/adr/0015).
 *
 * Whoever changes what is known to be missing of a study locks its row first: the transaction that saves a result does so too, so
 * that either it sees the change, or the change sees the result and has it decided again.
 */

import type { Config } from '@ichor/settings/config';
import { CLOCK_SLACK_MS, clockMs } from '@ichor/store/postgres/clock';
import type { Database, DatabaseClient } from '@ichor/store/postgres/database';
import { reopenIncomplete, reopenWhole } from '@ichor/store/rows/completion';
import { forgetNameless, insertLosses } from '@ichor/store/rows/lostInstance';
import { lockStudies } from '@ichor/store/rows/study';
import {
  aliveAmong,
  type BrokenSeries,
  breakOff,
  breakOffUnknown,
  endSilent,
  forgetStoodFor,
  forgetWhole,
  release,
  renewTransfers,
  studiesOf,
  type Transfer,
} from '@ichor/store/rows/transfer';
import type { LeftOver } from './transferJournal.ts';
import type { Arrivals } from './transfers.ts';

/** `performance.now()` plus this is the time of the database's clock, in ms since 1970. */
export type ClockOffset = { ms: number };

/**
 * Writes signs of life, ends and losses in one transaction, and has the studies decided again whose answer that changes.
 * @param offset of the clock; kept as long as the database's clock goes on evenly, so that the order of events stays as it was
 */
export async function writeArrivals(
  database: Database,
  { open, ended, losses }: Arrivals,
  { maxAgeMs }: Pick<Config, 'maxAgeMs'>,
  offset: ClockOffset,
): Promise<void> {
  if (open.length + ended.length + losses.length === 0) return;
  await database.transaction(async (client) => {
    await followClock(client, offset);
    const [released, broken] = [ended.filter(wasReleased), ended.filter((one) => !wasReleased(one))];
    const touched = [...losses.map((loss) => loss.studyInstanceUid), ...ended.flatMap(studiesOf)];
    await lockStudies(client, touched);
    await renewTransfers(client, open, offset.ms);
    const incomplete = await insertLosses(client, losses, offset.ms);
    await breakOff(client, broken, offset.ms, maxAgeMs);
    await releaseAll(client, released, offset.ms);
    await reopenIncomplete(client, [...incomplete, ...broken.flatMap(studiesOf)]);
    await reopenWhole(client, released.flatMap(studiesOf));
  });
}

/**
 * What processes that ended have left in the journal: released ones are released now, the others broke off before `startedAtMs`.
 * @returns those of a process that shows signs of life, and the series that broke off unknown to the database
 */
export async function takeUpLeftOver(
  database: Database,
  found: readonly LeftOver[],
  startedAtMs: number,
  offset: ClockOffset,
): Promise<{ readonly alive: readonly LeftOver[]; readonly broken: readonly BrokenSeries[] }> {
  return database.transaction(async (client) => {
    await followClock(client, offset);
    await lockStudies(client, found.flatMap(studiesOf));
    const alive = await aliveAmong(client, found);
    const ended = (released: boolean): Transfer[] =>
      found
        .filter((one) => one.released === released && !alive.has(one.transferId))
        .map((one) => ({ ...one, ended: { atMs: startedAtMs, released } }));
    await releaseAll(client, ended(true), offset.ms);
    const broken = await breakOffUnknown(client, ended(false), offset.ms);
    await reopenIncomplete(client, ended(false).flatMap(studiesOf));
    await reopenWhole(client, ended(true).flatMap(studiesOf));
    return { alive: found.filter((one) => alive.has(one.transferId)), broken };
  });
}

/** Transfers of receivers that ended without a word. */
export async function endDeadTransfers(
  database: Database,
  { maxAgeMs }: Pick<Config, 'maxAgeMs'>,
): Promise<BrokenSeries[]> {
  return database.transaction(async (client) => {
    await forgetStoodFor(client);
    const broken = await endSilent(client);
    if (broken.length === 0) return [];
    const studies = broken.map((one) => one.studyInstanceUid);
    await lockStudies(client, studies);
    await forgetWhole(client, studies, maxAgeMs);
    await reopenIncomplete(client, studies);
    return broken;
  });
}

async function releaseAll(client: DatabaseClient, released: readonly Transfer[], offsetMs: number): Promise<void> {
  await release(client, released, offsetMs);
  await forgetNameless(client, released, offsetMs);
}

const wasReleased = ({ ended }: Transfer): boolean => ended?.released === true;

async function followClock(client: DatabaseClient, offset: ClockOffset): Promise<void> {
  const seen = (await clockMs(client)) - performance.now();
  if (!(Math.abs(seen - offset.ms) <= CLOCK_SLACK_MS)) offset.ms = seen;
}
