/**
 * ★ Notification: rows of the outbox, one lane per destination, each with a queue and a consumer of its own.
 *
 *   pending → delivered   the receiver took it: ACK AA or CA, HTTP 2xx, mail accepted
 *   pending → pending     not now (AE, 5xx, no answer): this row waits, the others of the lane go on;
 *                         unreachable, or told to wait: the whole lane waits, for at most 30 s unless told otherwise
 *   pending → dead        refused for good (AR, CR, other 4xx, SMTP 5yz), or its time to live is over;
 *                         `ichor notifications --resend` makes it pending again
 *
 * A job only wakes its lane. What is sent next is decided by the rows: positive studies first, one study in order. A lane that
 * works again after several faults tries at once what it refused meanwhile. A row that was sent and whose outcome could not be
 * noted is sent again with the same control ID once its claim ran out.
 */

import type { Config } from '@ichor/settings/config';
import type { NotificationLane } from '@ichor/settings/notificationSettings';
import { backOffMs, LONGEST_PAUSE_MS } from '@ichor/shared/backOff';
import { asIchorError, IchorError, reasonOf } from '@ichor/shared/errors';
import { enqueueNotifications } from '@ichor/store/outbox/enqueueNotifications';
import type { Database } from '@ichor/store/postgres/database';
import type { NotificationJob } from '@ichor/store/queue/jobs';
import { NotificationJob as NotificationJobSchema, notificationQueue } from '@ichor/store/queue/jobs';
import type { Queues } from '@ichor/store/queue/queues';
import type { Incidents } from '@ichor/store/rows/incident';
import {
  bringBackNotifications,
  type Claimed,
  claim,
  clearFaults,
  expire,
  hurry,
  markDead,
  markDelivered,
  noteFault,
  pauseLane,
  postpone,
  probeWithPositive,
  waitMs,
} from '@ichor/store/rows/notification';
import { resultView } from '@ichor/store/studyView';
import type { Log } from '@ichor/telemetry/log';
import { metrics } from '@ichor/telemetry/metrics';
import { lanesOf, send } from './lanes.ts';
import { Refusal } from './refusal.ts';

export type NotificationContext = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly queues: Queues;
  readonly incidents: Incidents;
};

const LOOK_EVERY_MS = 15_000;
const LONGEST_LANE_PAUSE_MS = 30_000;
const SHORTEST_WAIT_MS = 200;
/** After so many faults in a row the fault is the receiver's, not that of the message. */
const FAULTS_OF_RECEIVER = 2;

/** A queue and a consumer for each destination, and a look for rows that have no job. @returns what stops it */
export function startNotification(context: NotificationContext): () => Promise<void> {
  const consumers = lanesOf(context.config).map((lane) =>
    context.queues.consume(notificationQueue(lane), (payload) =>
      runNotification(context, lane, NotificationJobSchema.parse(payload)),
    ),
  );
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = bringBackNotifications(context.database, longestMs(context.config))
      .then(() => expireOverdue(context))
      .then(() => enqueueNotifications(context.database, context.queues))
      .catch((error: unknown) => context.log.event('queue.lost', { reason: reasonOf(error) }));
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await looking;
    await Promise.all(consumers.map((consumer) => consumer.close()));
  };
}

/** Sends everything that is due on the lane. @returns when the row of the job is to be looked at again */
export async function runNotification(
  context: NotificationContext,
  lane: NotificationLane,
  job: NotificationJob,
): Promise<{ readonly againInMs: number } | null> {
  await bringBackNotifications(context.database, longestMs(context.config));
  for (;;) {
    const claimed = await claim(context.database, lane, claimMs(context.config));
    if (claimed === null) break;
    await sendOne(context, lane, claimed);
  }
  const left = await waitMs(context.database, job);
  return left === null ? null : { againInMs: Math.max(SHORTEST_WAIT_MS, Math.ceil(left)) };
}

/** A row whose worker was killed is sent by another after this time. */
const claimMs = ({ notificationTimeoutMs }: Config): number => 2 * notificationTimeoutMs + 60_000;
const longestMs = (config: Config): number => Math.max(LONGEST_PAUSE_MS, claimMs(config));

async function sendOne(context: NotificationContext, lane: NotificationLane, claimed: Claimed): Promise<void> {
  const error = await resultView(context.database, claimed.resultId)
    .then((content) => send(context.config, lane, claimed, content))
    .then(() => null, asIchorError);
  if (error?.code === 'DATABASE_UNAVAILABLE') throw error;
  if (error === null) await delivered(context, lane, claimed);
  else if (error.retryable) await later(context, lane, claimed, error);
  else await dead(context, lane, claimed, error);
}

async function delivered({ database, log }: NotificationContext, lane: NotificationLane, claimed: Claimed) {
  await markDelivered(database, claimed);
  if ((await clearFaults(database, lane)) >= FAULTS_OF_RECEIVER) await hurry(database, lane);
  metrics.notification(lane.kind, 'delivered');
  log.event('notification.delivered', facts(lane, claimed));
}

/** Pauses the lane when nothing can go there, else the row. */
async function later(context: NotificationContext, lane: NotificationLane, claimed: Claimed, error: IchorError) {
  const { config, database, log } = context;
  const asked = error instanceof Refusal ? (error.detail.retryAfterMs ?? null) : null;
  const whole = error.code === 'NOTIFICATION_UNREACHABLE' || asked !== null;
  const rowPauseMs = whole ? 0 : backOffMs(config.deliveryBackoffMs, claimed.attempts);
  const faults = await noteFault(database, lane);
  const laneMs = backOffMs(config.deliveryBackoffMs, faults - 1, LONGEST_LANE_PAUSE_MS);
  if (whole) await pauseLane(database, lane, Math.min(LONGEST_PAUSE_MS, Math.max(asked ?? 0, laneMs)));
  await postpone(database, claimed, rowMessage(error), rowPauseMs);
  if (faults >= FAULTS_OF_RECEIVER) await probeWithPositive(database, lane);
  metrics.notification(lane.kind, 'postponed');
  log.event('notification.postponed', { ...facts(lane, claimed), code: error.code });
  await expireOverdue(context);
}

async function dead(
  { database, log, incidents }: NotificationContext,
  lane: NotificationLane,
  claimed: Claimed,
  error: IchorError,
) {
  await markDead(database, claimed, rowMessage(error));
  metrics.notification(lane.kind, 'dead');
  log.event('notification.dead', { ...facts(lane, claimed), code: error.code });
  incidents.record({ code: error.code, message: error.message, studyInstanceUid: claimed.studyInstanceUid });
}

async function expireOverdue({ config, database, log, incidents }: NotificationContext): Promise<void> {
  const ttlMs = config.deliveryTtlMs;
  const note = `Given up after ${ttlMs} ms.`;
  for (const { kind, destination, studyInstanceUid } of await expire(database, lanesOf(config), ttlMs, note)) {
    const error = new IchorError('NOTIFICATION_EXPIRED', { destination, ttlMs });
    metrics.notification(kind, 'dead');
    log.event('notification.dead', { kind, destination, studyInstanceUid, code: error.code });
    incidents.record({ code: error.code, message: error.message, studyInstanceUid });
  }
}

const MOST_CHARACTERS = 300;
/** The message, and what the receiver said, for the row only. */
function rowMessage(error: IchorError): string {
  const words = error instanceof Refusal ? error.detail.peerText : undefined;
  return words ? `${error.message} Its words: ${words.slice(0, MOST_CHARACTERS)}` : error.message;
}
const facts = ({ kind, destination }: NotificationLane, { studyInstanceUid, controlId }: Claimed) => ({
  kind,
  destination,
  studyInstanceUid,
  controlId,
});
