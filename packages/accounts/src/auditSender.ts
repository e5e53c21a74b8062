/**
 * Brings audit messages to the audit record repository, in order, each at least once.
 *
 * waiting ──EVERY_MS──► batch of due rows, locked ──sent──► marked ──more due?──► next batch
 *    ▲                        │ collector away
 *    └── pause, doubling to LONGEST_PAUSE_MS ──┘   (rows stay due: nothing is lost)
 */
import { hostname } from 'node:os';
import type { SyslogCollector } from '@ichor/settings/signInSettings';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { DatabaseClient } from '@ichor/store/postgres/database';
import type { FastifyInstance } from 'fastify';
import type { SignInParts } from './access.ts';
import { auditMessage } from './auditMessage.ts';
import { toAuditRow } from './auditTrail.ts';
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
  let [pauseMs, closed]: [number, boolean] = [EVERY_MS, false];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const where = `${collector.transport}://${collector.host}:${collector.port}`;
  const round = async (): Promise<void> => {
    try {
      while ((await database.transaction((client) => sendBatch(client, collector))) === BATCH && !closed);
      if (pauseMs > EVERY_MS) log.event('audit.collector-back', { collector: where });
      pauseMs = EVERY_MS;
    } catch (thrown) {
      const error = new IchorError('AUDIT_COLLECTOR_AWAY', { collector: where, reason: reasonOf(thrown) }, thrown);
      if (pauseMs === EVERY_MS) log.event('audit.collector-away', { code: error.code, reason: error.message });
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  };
  const next = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      running = round().finally(next);
    }, pauseMs);
    timer.unref();
  };
  next();
  app.addHook('onClose', async () => {
    closed = true;
    clearTimeout(timer);
    await running;
  });
}

/** The rows stay locked meanwhile, so that two processes never send the same. @returns how many were sent */
async function sendBatch(client: DatabaseClient, collector: SyslogCollector): Promise<number> {
  const { rows } = await client.query(
    `SELECT a.*, s.patient_id, s.accession_number
       FROM audit_outbox o JOIN audit a USING (audit_id) LEFT JOIN study s USING (study_instance_uid)
      WHERE o.sent_at IS NULL ORDER BY o.audit_id LIMIT ${BATCH} FOR UPDATE OF o SKIP LOCKED`,
  );
  if (rows.length === 0) return 0;
  const host = hostname();
  const messages = rows.map((row) => {
    const entry = toAuditRow(row);
    const context = { hostName: host, patientId: row.patient_id, accessionNumber: row.accession_number };
    return syslogMessage(auditMessage(entry, context), entry.at, host, process.pid);
  });
  await sendSyslog(collector, messages);
  await client.query('UPDATE audit_outbox SET sent_at = now() WHERE audit_id = ANY ($1)', [
    rows.map((row) => row.audit_id),
  ]);
  return rows.length;
}
