/** Logging (sole importer of pino): JSON lines, event names declared once, UIDs as fields, never patient data. */

import type { Config } from '@ichor/settings/config';
import pino, { type DestinationStream } from 'pino';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** Every event that Ichor logs, with its level. */
export const EVENTS = {
  'role.started': 'info',
  'role.stopping': 'info',
  'association.opened': 'debug',
  'association.rejected': 'warn',
  'association.closed': 'debug',
  'association.aborted': 'warn',
  'instance.stored': 'debug',
  'instance.refused': 'warn',
  'instance.own': 'debug',
  'index.away': 'warn',
  'index.back': 'info',
  'index.recovered': 'info',
  'study.complete': 'info',
  'study.waiting': 'info',
  'study.result': 'info',
  'triage.retry': 'warn',
  'objects.postponed': 'warn',
  'inference.started': 'info',
  'inference.stopped': 'warn',
  'inference.provider-missing': 'warn',
  'delivery.stored': 'info',
  'delivery.postponed': 'warn',
  'delivery.dead': 'error',
  'delivery.commitment-postponed': 'warn',
  'delivery.committed': 'info',
  'notification.delivered': 'info',
  'notification.postponed': 'warn',
  'notification.dead': 'error',
  incident: 'warn',
  'database.started': 'info',
  'database.adopted': 'info',
  'database.lost': 'warn',
  'spool.foreign': 'error',
  'spool.back': 'info',
  'queue.lost': 'warn',
  'job.failed': 'warn',
  'worklist.listening': 'info',
  'worklist.changes-lost': 'warn',
  'worklist.no-user': 'warn',
  'http.failed': 'error',
  'sign-in.provider-away': 'warn',
  'audit.collector-away': 'warn',
  'audit.collector-back': 'info',
  'library.printed': 'warn',
  fault: 'error',
} as const satisfies Record<string, Level>;
export type EventName = keyof typeof EVENTS;

export type Log = {
  /** @param fields UIDs, codes, counts and durations; never names or identifiers of patients */
  event(name: EventName, fields?: Readonly<Record<string, unknown>>): void;
};

/** Fields that would carry patient data: should one ever be passed, its value does not reach the log. */
const REDACTED = [
  'patientName',
  'patientId',
  'patientBirthDate',
  'patientSex',
  'patientAge',
  'header',
  'dataset',
  'identity',
];

/**
 * @param role shown with every line
 * @param stream where lines go; standard output when left out, readable there when it is a terminal
 */
export function createLog(config: Pick<Config, 'logLevel'>, role: string, stream?: DestinationStream): Log {
  const logger = pino(
    {
      level: config.logLevel,
      hooks: { streamWrite: unobeyed },
      base: { role },
      redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    stream ?? standardOutput(),
  );
  return { event: (name, fields = {}) => logger[EVENTS[name]]({ event: name, ...fields }) };
}

/** JSON escapes control characters below 32; terminals obey those from 127 to 159 too. */
const unobeyed = (line: string): string =>
  line.replaceAll(/[\u007f-\u009f]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);

function standardOutput(): DestinationStream {
  if (!process.stdout.isTTY) return pino.destination({ dest: 1, sync: true });
  return pino.transport({
    target: 'pino-pretty',
    options: { ignore: 'pid,hostname,event,role', messageFormat: '{role} {event}' },
  });
}
