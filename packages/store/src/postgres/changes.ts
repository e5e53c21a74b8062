/**
 * Changes of the database as they happen: one LISTEN connection per process, however many pages are open.
 *
 * listening ──notice──► pending ──GATHER_MS──► one callback for all that changed meanwhile
 *     │ connection lost, or silent for two beats
 *     ▼
 * waiting (1 s, doubling to 30 s) ──► listening again, with `resync` set: what changed in between is unknown
 */

import { backOffMs } from '@ichor/shared/backOff';
import { reasonOf } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import type { Database } from './database.ts';

/** What changed since the last call. `resync`: notices may have been missed; read everything again. */
export type Changes = {
  readonly studyInstanceUids: ReadonlySet<string>;
  readonly incident: boolean;
  readonly resync: boolean;
};

const CHANNEL = 'ichor_changes';
/** A study of 300 instances changes often while it arrives; pages need it a few times a second at most. */
const GATHER_MS = 250;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** A connection on which nothing is asked never learns that the way to the server is gone. */
const BEAT_MS = 20_000;
/** The server's farewell is not waited for longer. */
const END_MS = 2_000;

/** Calls `onChanges` after changes, until closed. Survives the loss of the database. `started`: the first attempt to listen is over. */
export function watchChanges(
  database: Database,
  log: Log,
  onChanges: (changes: Changes) => void,
  beatMs = BEAT_MS,
): { readonly started: Promise<void>; close(): Promise<void> } {
  let client: Awaited<ReturnType<Database['connect']>> | null = null;
  let closed = false;
  let losses = 0;
  let retryTimer: NodeJS.Timeout | undefined;
  let gatherTimer: NodeJS.Timeout | undefined;
  let beatTimer: NodeJS.Timeout | undefined;
  let pending = { studyInstanceUids: new Set<string>(), incident: false, resync: false };

  const flush = (): void => {
    gatherTimer = undefined;
    const changes = pending;
    pending = { studyInstanceUids: new Set(), incident: false, resync: false };
    onChanges(changes);
  };
  const gather = (): void => {
    gatherTimer ??= setTimeout(flush, GATHER_MS);
  };
  const notice = (payload: string): void => {
    const [kind, key] = payload.split(' ');
    if (kind === 'study' && key) pending.studyInstanceUids.add(key);
    if (kind === 'incident') pending.incident = true;
    gather();
  };
  const lost = (reason: string): void => {
    clearInterval(beatTimer);
    client?.end().catch(() => {});
    client = null;
    if (closed || retryTimer !== undefined) return;
    const retryInMs = backOffMs(FIRST_PAUSE_MS, losses++, LONGEST_PAUSE_MS);
    log.event('worklist.changes-lost', { reason, retryInMs });
    retryTimer = setTimeout(() => void listen(true), retryInMs);
  };
  const beat = (own: NonNullable<typeof client>): void => {
    let asked = false;
    beatTimer = setInterval(() => {
      if (own !== client) return;
      if (asked) return lost(`no answer within ${beatMs} ms`);
      asked = true;
      own.query('SELECT 1').then(
        () => {
          asked = false;
        },
        () => {},
      );
    }, beatMs);
    beatTimer.unref();
  };
  const listen = async (again: boolean): Promise<void> => {
    retryTimer = undefined;
    try {
      const fresh = await database.connect();
      if (closed) return await fresh.end();
      client = fresh;
      fresh.on('notification', (message) => notice(message.payload ?? ''));
      fresh.on('error', (error) => lost(reasonOf(error)));
      await fresh.query(`LISTEN ${CHANNEL}`);
      beat(fresh);
      losses = 0;
      if (again) pending.resync = true;
      if (again) gather();
    } catch (error) {
      lost(reasonOf(error));
    }
  };
  const listening = listen(false);

  return {
    started: listening,
    async close() {
      closed = true;
      clearTimeout(retryTimer);
      clearTimeout(gatherTimer);
      clearInterval(beatTimer);
      await listening;
      const ended = client?.end().catch(() => {});
      client = null;
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, END_MS).unref())]);
    },
  };
}
