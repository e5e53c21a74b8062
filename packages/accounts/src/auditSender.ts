/**
 * Brings audit messages to the audit record repository, in order, each at least once.
 *
 * waiting ──EVERY_MS──► batch of due rows, locked ──sent──► marked ──more due?──► next batch
 *    ▲                        │ collector away
 *    └── pause, doubling to LONGEST_PAUSE_MS ──┘   (rows stay due: nothing is lost)
 */
import { hostname } from 'node:os';
import type { SyslogCollector } from '@ichor/settings/signInSettings';
import { backOffMs } from '@ichor/shared/backOff';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { DatabaseClient } from '@ichor/store/postgres/database';
import { lockDueAudit, markAuditSent } from '@ichor/store/rows/audit';
import type { FastifyInstance } from 'fastify';
import type { SignInParts } from './access.ts';
import { auditMessage } from './auditMessage.ts';
import { sendSyslog, syslogMessage } from './syslog.ts';

const EVERY_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const BATCH = 100;

/** Runs while the app does. */
export function startAuditSender(
  app: FastifyInstance,
  { database, log }: SignInParts,
  collector: SyslogCollector,
): void {
  let [faults, closed]: [number, boolean] = [0, false];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const where = `${collector.transport}://${collector.host}:${collector.port}`;
  const round = async (): Promise<void> => {
    try {
      while ((await database.transaction((client) => sendBatch(client, collector))) === BATCH && !closed);
      if (faults > 0) log.event('audit.collector-back', { collector: where });
      faults = 0;
    } catch (thrown) {
      const error = new IchorError('AUDIT_COLLECTOR_AWAY', { collector: where, reason: reasonOf(thrown) }, thrown);
      if (faults === 0) log.event('audit.collector-away', { code: error.code, reason: error.message });
      faults++;
    }
  };
  const next = (): void => {
    if (closed) return;
    timer = setTimeout(
      () => {
        running = round().finally(next);
      },
      backOffMs(EVERY_MS, faults, LONGEST_PAUSE_MS),
    );
    timer.unref();
  };
  next();
  app.addHook('onClose', async () => {
    closed = true;
    clearTimeout(timer);
    await running;
  });
}

/** @returns how many were sent */
async function sendBatch(client: DatabaseClient, collector: SyslogCollector): Promise<number> {
  const due = await lockDueAudit(client, BATCH);
  if (due.length === 0) return 0;
  const host = hostname();
  const messages = due.map((entry) => {
    const { patientId, accessionNumber } = entry;
    const xml = auditMessage(entry, { hostName: host, patientId, accessionNumber });
    return syslogMessage(xml, entry.at, host, process.pid);
  });
  await sendSyslog(collector, messages);
  await markAuditSent(client, due);
  return due.length;
}
