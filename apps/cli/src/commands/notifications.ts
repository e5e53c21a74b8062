/** `ichor notifications [--state STATE] [--study UID] [--resend ID|all]`. */

import { IchorError } from '@ichor/shared/errors';
import { enqueueNotifications } from '@ichor/store/outbox/enqueueNotifications';
import { openDatabase } from '@ichor/store/postgres/database';
import { openQueues } from '@ichor/store/queue/queues';
import {
  listNotifications,
  type NotificationState,
  type NotificationView,
  resendNotifications,
} from '@ichor/store/rows/notification';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { paint, type Style } from '../terminal.ts';

export type NotificationsOptions = {
  readonly state?: string;
  readonly study?: string;
  readonly resend?: string;
  readonly limit: number;
  readonly json?: boolean;
};

/** Lists notifications, the newest first, or makes some due again. @throws IchorError INPUT_UNUSABLE */
export async function notifications(cli: Cli, options: NotificationsOptions): Promise<ExitCode> {
  const state = stateOf(options.state);
  const id = options.resend === undefined || options.resend === 'all' ? null : idOf(options.resend);
  const config = configOf(cli);
  const log = createLog({ ...config, logLevel: 'error' }, 'notifications');
  const database = await openDatabase(config, log);
  try {
    if (options.resend === undefined) {
      const query = {
        limit: options.limit,
        ...(state && { state }),
        ...(options.study && { studyInstanceUid: options.study }),
      };
      const found = await listNotifications(database, query);
      for (const one of found)
        for (const line of options.json ? [JSON.stringify(one)] : asText(cli, one)) cli.terminal.print(line);
      if (found.length === 0) cli.terminal.note('No notifications.');
      return EXIT.done;
    }
    const { length: count } = await resendNotifications(database, id);
    if (id !== null && count === 0)
      throw new IchorError('INPUT_UNUSABLE', {
        path: `notification ${id}`,
        reason: 'it is unknown, pending already, or overtaken by a later revision of its study',
      });
    const queues = await openQueues(config, database, log);
    await enqueueNotifications(database, queues).finally(() => queues.close());
    cli.terminal.print(`${count} notifications are due again.`);
    return EXIT.done;
  } finally {
    await database.close();
  }
}

function stateOf(text: string | undefined): NotificationState | null {
  if (text === undefined) return null;
  if (text === 'pending' || text === 'delivered' || text === 'dead') return text;
  throw new IchorError('INPUT_UNUSABLE', { path: '--state', reason: 'it is pending, delivered or dead' });
}

function idOf(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new IchorError('INPUT_UNUSABLE', { path: '--resend', reason: 'it takes the number of a notification, or all' });
}

const STYLES: Readonly<Record<NotificationState, Style>> = { pending: 'yellow', delivered: 'green', dead: 'red' };

function asText({ terminal }: Cli, one: NotificationView): string[] {
  const state = paint(terminal, STYLES[one.state], one.state);
  const head = `${one.id}  ${one.createdAt}  ${state}  ${one.kind} ${one.destination}  ${one.studyInstanceUid} revision ${one.revision}, ${one.attempts} attempts`;
  return one.error === null ? [head] : [head, `    ${paint(terminal, 'dim', one.error)}`];
}
