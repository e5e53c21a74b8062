/** What other systems were told of results, and the dead letters among it: for administrators. */
import { type Database, IchorError } from '@ichor/shared';
import { countDeadNotifications, listNotifications } from '@ichor/worker';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { allow, audit } from './auth/signIn.ts';
import { parseNotificationQuery } from './queries.ts';

export type NotificationParts = {
  readonly database: Database;
  /** Makes a notification due again, or every dead one (null). @returns how many */
  readonly resendNotification?: (id: number | null) => Promise<number>;
};

const Resend = z.strictObject({ id: z.int().positive().nullable() });

export function addNotifications(app: FastifyInstance, { database, resendNotification }: NotificationParts): void {
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
    const given = Resend.safeParse(request.body);
    if (!given.success)
      throw new IchorError('REQUEST_INVALID', { reason: 'id must be a notification, or null for all' });
    const { id } = given.data;
    const resent = (await resendNotification?.(id)) ?? 0;
    if (id !== null && resent === 0) throw new IchorError('REQUEST_INVALID', { reason: NOT_AGAIN });
    await audit(request, 'resend', null, id === null ? `${resent} dead notifications` : `notification ${id}`);
    return { resent };
  });
}

const NOT_AGAIN = 'this notification is unknown, pending already, or overtaken by a later revision of its study';
