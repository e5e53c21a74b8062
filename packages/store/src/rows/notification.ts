/** The statements of notification; each does one thing. A lane is one kind and one destination. */

import type { NotificationKind, NotificationLane } from '@ichor/settings/notificationSettings';
import { CLOCK_SLACK_MS } from '../postgres/clock.ts';
import type { Database, DatabaseClient } from '../postgres/database.ts';
import type { NotificationJob } from '../queue/jobs.ts';

/**
 * Writes what every lane must be told, in the transaction of the result and before the study shows it. Nothing when the study
 * shows that result already. Mail is for studies that become positive: one that was flagged before makes no second mail.
 */
export async function insertNotifications(
  client: DatabaseClient,
  studyInstanceUid: string,
  resultId: number,
  lanes: readonly NotificationLane[],
): Promise<void> {
  if (lanes.length === 0) return;
  await client.query('SELECT FROM study WHERE study_instance_uid = $1 FOR UPDATE', [studyInstanceUid]);
  await client.query(
    `INSERT INTO notification (kind, destination, study_instance_uid, result_id, revision, urgent)
     SELECT lane.kind, lane.destination, r.study_instance_uid, r.result_id, r.revision, r.state = 'flagged'
       FROM study s JOIN result r ON r.result_id = $2 LEFT JOIN result former ON former.result_id = s.result_id
            CROSS JOIN unnest($3::text[], $4::text[]) AS lane(kind, destination)
      WHERE s.study_instance_uid = $1 AND s.result_id IS DISTINCT FROM r.result_id
        AND (lane.kind <> 'mail' OR (r.state = 'flagged' AND former.state IS DISTINCT FROM 'flagged'))`,
    [studyInstanceUid, resultId, lanes.map(({ kind }) => kind), lanes.map(({ destination }) => destination)],
  );
}

/** Nobody who was not told yet is told any more that a study was clear of which instances are now known to be missing. */
export async function recallClear(client: DatabaseClient, formerResultId: number | null): Promise<void> {
  await client.query(
    `DELETE FROM notification n USING result r
      WHERE r.result_id = $1 AND n.result_id = r.result_id AND r.state = 'clear' AND n.state = 'pending' AND n.attempts = 0
        AND n.claimed_until <= now()`,
    [formerResultId],
  );
}

/** Times that lie further ahead than any pause count as now: the database's clock was set back (clock.ts). */
export async function bringBackNotifications(database: Database, longestMs: number): Promise<void> {
  const beyond = `> now() + $1 * interval '1 millisecond'`;
  await database.pool.query(
    `WITH lanes AS (UPDATE notification_lane SET paused_until = now() WHERE paused_until ${beyond})
     UPDATE notification SET next_attempt_at = least(next_attempt_at, now()), claimed_until = least(claimed_until, now()),
            pending_since = least(pending_since, now())
      WHERE state = 'pending' AND greatest(next_attempt_at, claimed_until) ${beyond}`,
    [longestMs + CLOCK_SLACK_MS],
  );
}

/** A row that this worker now sends. */
export type Claimed = {
  readonly notificationId: number;
  readonly controlId: string;
  readonly studyInstanceUid: string;
  readonly resultId: number;
  /** Attempts before this one. */
  readonly attempts: number;
  readonly createdAt: Date;
  /** Whether this lane was told of the study before. */
  readonly correction: boolean;
};

/**
 * Takes the next row of a lane: studies with a positive result first, then the oldest, and of one study never a later row
 * before an earlier one. None while the lane is paused. The attempt counts from now on. @param claimMs after which another worker may send it
 */
export async function claim(
  database: Database,
  { kind, destination }: NotificationLane,
  claimMs: number,
): Promise<Claimed | null> {
  const { rows } = await database.pool.query(
    `UPDATE notification n SET claimed_until = now() + $3 * interval '1 millisecond', attempts = attempts + 1
      WHERE n.notification_id = (
        SELECT c.notification_id FROM notification c
         WHERE c.kind = $1 AND c.destination = $2 AND c.state = 'pending' AND c.next_attempt_at <= now() AND c.claimed_until <= now()
           AND NOT EXISTS (SELECT FROM notification_lane l WHERE l.kind = $1 AND l.destination = $2 AND l.paused_until > now())
           AND NOT EXISTS (SELECT FROM notification e WHERE e.kind = $1 AND e.destination = $2 AND e.state = 'pending'
                             AND e.study_instance_uid = c.study_instance_uid AND e.notification_id < c.notification_id)
         ORDER BY (SELECT bool_or(f.urgent) FROM notification f WHERE f.kind = $1 AND f.destination = $2 AND f.state = 'pending'
                     AND f.study_instance_uid = c.study_instance_uid) DESC, c.notification_id
         LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING n.notification_id, n.control_id, n.study_instance_uid, n.result_id, n.attempts - 1 AS attempts, n.created_at,
       EXISTS (SELECT FROM notification e WHERE e.kind = $1 AND e.destination = $2
                 AND e.study_instance_uid = n.study_instance_uid AND e.notification_id < n.notification_id) AS correction`,
    [kind, destination, claimMs],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : {
        notificationId: Number(row.notification_id),
        controlId: row.control_id,
        studyInstanceUid: row.study_instance_uid,
        resultId: Number(row.result_id),
        attempts: row.attempts,
        createdAt: row.created_at,
        correction: row.correction,
      };
}

export async function markDelivered(database: Database, { notificationId }: Claimed): Promise<void> {
  await database.pool.query(
    `UPDATE notification SET state = 'delivered', delivered_at = now(), error = NULL, claimed_until = '-infinity'
      WHERE notification_id = $1`,
    [notificationId],
  );
}

export async function postpone(
  database: Database,
  { notificationId }: Claimed,
  error: string,
  pauseMs: number,
): Promise<void> {
  await database.pool.query(
    `UPDATE notification SET error = $2, next_attempt_at = now() + $3 * interval '1 millisecond', claimed_until = '-infinity'
      WHERE notification_id = $1 AND state = 'pending'`,
    [notificationId, error, pauseMs],
  );
}

export async function markDead(database: Database, { notificationId }: Claimed, error: string): Promise<void> {
  await database.pool.query(
    `UPDATE notification SET state = 'dead', error = $2, claimed_until = '-infinity'
      WHERE notification_id = $1 AND state = 'pending'`,
    [notificationId, error],
  );
}

/** @returns faults since the last success, with this one */
export async function noteFault(database: Database, { kind, destination }: NotificationLane): Promise<number> {
  const { rows } = await database.pool.query(
    `INSERT INTO notification_lane (kind, destination, faults) VALUES ($1, $2, 1)
     ON CONFLICT (kind, destination) DO UPDATE SET faults = notification_lane.faults + 1 RETURNING faults`,
    [kind, destination],
  );
  return rows[0].faults;
}

export async function pauseLane(
  database: Database,
  { kind, destination }: NotificationLane,
  pauseMs: number,
): Promise<void> {
  await database.pool.query(
    "UPDATE notification_lane SET paused_until = now() + $3 * interval '1 millisecond' WHERE kind = $1 AND destination = $2",
    [kind, destination, pauseMs],
  );
}

/** After a success. @returns faults before it */
export async function clearFaults(database: Database, { kind, destination }: NotificationLane): Promise<number> {
  const { rows } = await database.pool.query(
    `UPDATE notification_lane l SET faults = 0, paused_until = '-infinity' FROM notification_lane former
      WHERE l.kind = $1 AND l.destination = $2 AND former.kind = $1 AND former.destination = $2 AND l.faults > 0 RETURNING former.faults`,
    [kind, destination],
  );
  return rows[0]?.faults ?? 0;
}

/** Everything that waits on a lane is due at once. */
export async function hurry(database: Database, { kind, destination }: NotificationLane): Promise<void> {
  await database.pool.query(
    "UPDATE notification SET next_attempt_at = now() WHERE kind = $1 AND destination = $2 AND state = 'pending' AND next_attempt_at > now()",
    [kind, destination],
  );
}

/** While a lane refuses everything, its first refused positive is tried before each refused row that is not: to go first when it works again. */
export async function probeWithPositive(database: Database, { kind, destination }: NotificationLane): Promise<void> {
  await database.pool.query(
    `UPDATE notification n SET next_attempt_at = least(n.next_attempt_at, other.at)
       FROM (SELECT min(next_attempt_at) AS at FROM notification
              WHERE kind = $1 AND destination = $2 AND state = 'pending' AND NOT urgent AND attempts > 0 AND next_attempt_at > now()) AS other
      WHERE n.notification_id = (SELECT min(notification_id) FROM notification
              WHERE kind = $1 AND destination = $2 AND state = 'pending' AND urgent AND attempts > 0)`,
    [kind, destination],
  );
}

/** Milliseconds until a row may be tried, after those of its study that go before it; null when it is not pending. */
export async function waitMs(database: Database, { notificationId }: NotificationJob): Promise<number | null> {
  const { rows } = await database.pool.query(
    `SELECT extract(epoch FROM max(greatest(e.next_attempt_at, e.claimed_until, l.paused_until)) - now()) * 1000 AS wait_ms
       FROM notification n
       JOIN notification e ON e.kind = n.kind AND e.destination = n.destination AND e.state = 'pending'
                          AND e.study_instance_uid = n.study_instance_uid AND e.notification_id <= n.notification_id
       LEFT JOIN notification_lane l ON l.kind = n.kind AND l.destination = n.destination
      WHERE n.notification_id = $1 AND n.state = 'pending'`,
    [notificationId],
  );
  return rows[0].wait_ms === null ? null : Number(rows[0].wait_ms);
}

export type DueNotification = NotificationJob & NotificationLane;

/** Rows that may be tried now: new ones, and those whose queue was lost. */
export async function dueNotifications(database: Database): Promise<DueNotification[]> {
  const { rows } = await database.pool.query(
    `SELECT n.notification_id, n.kind, n.destination FROM notification n LEFT JOIN notification_lane l USING (kind, destination)
      WHERE n.state = 'pending' AND n.next_attempt_at <= now() AND n.claimed_until <= now() AND coalesce(l.paused_until <= now(), true)
      ORDER BY n.urgent DESC, n.notification_id`,
  );
  return rows.map((row) => ({
    notificationId: Number(row.notification_id),
    kind: row.kind,
    destination: row.destination,
  }));
}

export type Expired = NotificationLane & { readonly studyInstanceUid: string };

/** Rows that were tried, or whose lane does not work or is not configured any more, die with their time to live. */
export async function expire(
  database: Database,
  configured: readonly NotificationLane[],
  ttlMs: number,
  error: string,
): Promise<Expired[]> {
  const { rows } = await database.pool.query(
    `UPDATE notification n SET state = 'dead', error = concat_ws(' ', n.error, $4::text)
      WHERE n.state = 'pending' AND n.pending_since < now() - $3 * interval '1 millisecond' AND n.claimed_until <= now()
        AND (n.attempts > 0
          OR EXISTS (SELECT FROM notification_lane l WHERE l.kind = n.kind AND l.destination = n.destination AND l.faults > 0)
          OR NOT EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS c(kind, destination)
                          WHERE c.kind = n.kind AND c.destination = n.destination))
     RETURNING n.kind, n.destination, n.study_instance_uid`,
    [configured.map(({ kind }) => kind), configured.map(({ destination }) => destination), ttlMs, error],
  );
  return rows.map((row) => ({
    kind: row.kind,
    destination: row.destination,
    studyInstanceUid: row.study_instance_uid,
  }));
}

export type NotificationState = 'pending' | 'delivered' | 'dead';
/** A notification as the page and `ichor notifications` show it. Times are ISO 8601 in UTC or null. */
export type NotificationView = {
  readonly id: number;
  readonly kind: NotificationKind;
  readonly destination: string;
  readonly studyInstanceUid: string;
  readonly revision: number;
  readonly urgent: boolean;
  readonly controlId: string;
  readonly state: NotificationState;
  readonly attempts: number;
  /** May quote the receiver: show it to people who may see patients only. */
  readonly error: string | null;
  /** The receiver has a later revision of the study: this one is not sent again. */
  readonly overtaken: boolean;
  readonly createdAt: string;
  readonly deliveredAt: string | null;
};
export type NotificationQuery = {
  readonly state?: NotificationState | undefined;
  readonly kind?: NotificationKind | undefined;
  readonly studyInstanceUid?: string | undefined;
  readonly limit?: number;
};

/** Of the row `n`: its destination has a later one of the study. */
const OVERTAKEN = `EXISTS (SELECT FROM notification later WHERE later.kind = n.kind AND later.destination = n.destination
  AND later.study_instance_uid = n.study_instance_uid AND later.notification_id > n.notification_id AND later.state = 'delivered')`;

/** The newest first. */
export async function listNotifications(
  database: Database,
  { state, kind, studyInstanceUid, limit = 200 }: NotificationQuery = {},
): Promise<NotificationView[]> {
  const { rows } = await database.pool.query(
    `SELECT n.*, ${OVERTAKEN} AS overtaken FROM notification n
      WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR study_instance_uid = $2) AND ($3::text IS NULL OR kind = $3)
      ORDER BY notification_id DESC LIMIT $4`,
    [state ?? null, studyInstanceUid ?? null, kind ?? null, limit],
  );
  return rows.map((row) => ({
    id: Number(row.notification_id),
    kind: row.kind,
    destination: row.destination,
    studyInstanceUid: row.study_instance_uid,
    revision: row.revision,
    urgent: row.urgent,
    controlId: row.control_id,
    state: row.state,
    attempts: row.attempts,
    error: row.error,
    overtaken: row.overtaken,
    createdAt: row.created_at.toISOString(),
    deliveredAt: row.delivered_at?.toISOString() ?? null,
  }));
}

export type DeadLetters = NotificationLane & { readonly count: number };

/** How many were given up and not overtaken since, per destination: someone must send them again. */
export async function countDeadNotifications(database: Database): Promise<DeadLetters[]> {
  const { rows } = await database.pool.query(
    `SELECT kind, destination, count(*)::int AS count FROM notification n WHERE state = 'dead' AND NOT ${OVERTAKEN}
      GROUP BY kind, destination ORDER BY kind, destination`,
  );
  return rows;
}

export type Resent = { readonly id: number; readonly studyInstanceUid: string };

/**
 * Makes a row that is not pending due again, with the same control ID. Not one that a later row of its study has overtaken: the
 * receiver would go back to an outdated result.
 * @param which the number of one; a destination: every dead one of it; null: every dead one
 * @returns those that are due again
 */
export async function resendNotifications(
  database: Database,
  which: number | NotificationLane | null,
): Promise<Resent[]> {
  const [id, lane] = typeof which === 'number' ? [which, null] : [null, which];
  const { rows } = await database.pool.query(
    `UPDATE notification n SET state = 'pending', attempts = 0, error = NULL, delivered_at = NULL, pending_since = now(), next_attempt_at = now()
      WHERE CASE WHEN $1::bigint IS NOT NULL THEN notification_id = $1 AND state <> 'pending'
                 ELSE state = 'dead' AND ($2::text IS NULL OR kind = $2 AND destination = $3) END AND NOT ${OVERTAKEN}
     RETURNING notification_id, study_instance_uid, kind, destination`,
    [id, lane?.kind ?? null, lane?.destination ?? null],
  );
  await database.pool.query(
    `UPDATE notification_lane SET paused_until = '-infinity'
      WHERE (kind, destination) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [rows.map((row) => row.kind), rows.map((row) => row.destination)],
  );
  return rows.map((row) => ({ id: Number(row.notification_id), studyInstanceUid: row.study_instance_uid }));
}
