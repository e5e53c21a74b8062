/** What other systems were told of results, and the dead letters among it: for administrators. */

import { allow, audit } from '@ichor/accounts/signIn';
import { NOTIFICATION_KINDS, type NotificationLane } from '@ichor/settings/notificationSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import { countDeadNotifications, listNotifications, type Resent } from '@ichor/store/rows/notification';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parseNotificationQuery } from './queries.ts';

export type NotificationParts = {
  readonly database: Database;
  /** Makes a notification due again, or every dead one of a destination, or every dead one (null). @returns those */
  readonly resendNotifications?: (which: number | NotificationLane | null) => Promise<readonly Resent[]>;
};

const Which = z.union([
  z.strictObject({ id: z.int().positive().nullable() }),
  z.strictObject({ kind: z.enum(NOTIFICATION_KINDS), destination: z.string().min(1).max(300) }),
]);

export function addNotifications(
  app: FastifyInstance,
  { database, resendNotifications = async () => [] }: NotificationParts,
): void {
  const administrators = { preHandler: allow('administrator') };
  app.get('/api/notifications', administrators, async (request) => {
    const query = parseNotificationQuery(request.query);
    const [notifications, dead] = await Promise.all([
      listNotifications(database, query),
      countDeadNotifications(database),
    ]);
    await audit(request, 'notifications-viewed', query.studyInstanceUid ?? null);
    return { notifications, dead };
  });
  app.post('/api/notifications/resend', administrators, async (request) => {
    const given = Which.safeParse(request.body);
    if (!given.success) throw new IchorError('REQUEST_INVALID', { reason: WHICH });
    const which = 'id' in given.data ? given.data.id : given.data;
    const resent = await resendNotifications(which);
    if (typeof which === 'number' && resent.length === 0)
      throw new IchorError('REQUEST_INVALID', { reason: NOT_AGAIN });
    for (const { id, studyInstanceUid } of resent)
      await audit(request, 'resend', studyInstanceUid, `notification ${id}`);
    return { resent: resent.length };
  });
}

const WHICH = 'name an id, or a kind and a destination for its dead ones, or the id null for every dead one';
const NOT_AGAIN = 'this notification is unknown, pending already, or overtaken by a later revision of its study';

/** How many wait for someone to send them again. */
export async function deadNotifications(database: Database): Promise<number> {
  return (await countDeadNotifications(database)).reduce((sum, { count }) => sum + count, 0);
}
