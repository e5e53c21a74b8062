/** ★ The worklist role: database and queue → readiness, API and page; changes → server-sent events. */

import { ADD_FIRST_USER, lacksUser } from '@ichor/accounts/accounts';
import { addPatients } from '@ichor/accounts/patients';
import { modelProbe } from '@ichor/analysis/inference/modelProbe';
import type { Config } from '@ichor/settings/config';
import { listenError } from '@ichor/shared/listenError';
import { checkRoom } from '@ichor/store/files/openStores';
import { guardSpool } from '@ichor/store/files/spoolIdentity';
import { enqueueNotifications } from '@ichor/store/outbox/enqueueNotifications';
import { redeliver } from '@ichor/store/outbox/redeliver';
import { type Changes, watchChanges } from '@ichor/store/postgres/changes';
import type { Database } from '@ichor/store/postgres/database';
import { checkDatabase, openDatabase } from '@ichor/store/postgres/database';
import { checkQueue, openQueues } from '@ichor/store/queue/queues';
import { resendNotifications } from '@ichor/store/rows/notification';
import { findStudies } from '@ichor/store/studyView';
import type { Log } from '@ichor/telemetry/log';
import { measureProcess } from '@ichor/telemetry/metrics';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { type EventStream, openEventStream } from './eventStream.ts';

/**
 * Opens database and queues, and listens.
 * @returns the port (another than configured when that is 0), and `close`, which ends every open request
 * @throws IchorError PORT_IN_USE, DATABASE_UNAVAILABLE, QUEUE_UNAVAILABLE, …
 */
export async function startWorklistRole(config: Config, log: Log): Promise<{ port: number; close(): Promise<void> }> {
  measureProcess();
  const database = await openDatabase(config, log);
  const queues = await openQueues(config, database, log);
  const guard = await guardSpool({ settings: config, database, log, incidents: null, mayBegin: false });
  const events = openEventStream();
  const changes = watchChanges(database, log, (change) => void announce(change, database, events, log));
  const checks = {
    database: () => checkDatabase(database),
    queue: () => checkQueue(queues),
    model: modelProbe(config.modelDir),
    disk: () => checkRoom(config),
    spool: guard.check,
  };
  const app = buildApp({
    config,
    database,
    log,
    checks,
    events,
    resend: (studyInstanceUid) => redeliver(database, queues, { studyInstanceUid, destination: null }),
    async resendNotifications(which) {
      const resent = await resendNotifications(database, which);
      await enqueueNotifications(database, queues);
      return resent;
    },
  });
  const close = async (): Promise<void> => {
    events.close();
    await app.close();
    await changes.close();
    await guard.close();
    await queues.close();
    await database.close();
  };
  try {
    /** A page that opens now must not miss a change. */
    await changes.started;
    const port = await listen(app, config);
    log.event('worklist.listening', { address: config.bind, port });
    if (await lacksUser(config, database)) log.event('worklist.no-user', { remedy: ADD_FIRST_USER.join(' or ') });
    return { port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One query for all clients together, and none when nobody looks. */
async function announce(changes: Changes, database: Database, events: EventStream, log: Log): Promise<void> {
  if (events.clients === 0) return;
  try {
    if (changes.resync) events.send('resync', {});
    if (changes.incident) events.send('incident', {});
    const studies = await findStudies(database, [...changes.studyInstanceUids]);
    const withPatients = await addPatients(database, studies);
    for (const [index, study] of studies.entries()) events.send('study', study, withPatients[index]);
  } catch {
    log.event('worklist.changes-lost', { reason: 'the changed studies could not be read' });
    events.send('resync', {});
  }
}

async function listen(app: FastifyInstance, config: Config): Promise<number> {
  try {
    await app.listen({ host: config.bind, port: config.httpPort });
  } catch (error) {
    throw listenError(error, { bind: config.bind, port: config.httpPort, variable: 'ICHOR_HTTP_PORT' });
  }
  const address = app.server.address();
  return address !== null && typeof address === 'object' ? address.port : config.httpPort;
}
