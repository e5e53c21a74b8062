/** ★ The receiver role: association → instance → spool → index → study complete → job. */

import { CT_IMAGES } from '@ichor/dicom/sopClasses';
import type { AssociationEvents } from '@ichor/dimse/acceptor/associationEvents';
import type { AssociationContext } from '@ichor/dimse/acceptor/associationState';
import { listenDicom } from '@ichor/dimse/acceptor/listen';
import { makeMemoryBudget } from '@ichor/dimse/acceptor/memory';
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import type { Spool } from '@ichor/store/files/spool';
import { openSpool } from '@ichor/store/files/spool';
import { guardSpool } from '@ichor/store/files/spoolIdentity';
import { recordCommitment } from '@ichor/store/outbox/commitment';
import { openDatabase } from '@ichor/store/postgres/database';
import { openQueues } from '@ichor/store/queue/queues';
import type { Incidents } from '@ichor/store/rows/incident';
import { openIncidents } from '@ichor/store/rows/incident';
import type { Log } from '@ichor/telemetry/log';
import { metrics } from '@ichor/telemetry/metrics';
import { type StudyIndex, startStudyIndex } from './completion/studyIndex.ts';
import type { BrokenOff } from './completion/transferNotes.ts';
import { notStored } from './loss.ts';
import { type StoreOutcome, storeInstance } from './storeInstance.ts';

/**
 * Opens the spool and listens; what is unfinished in it is taken up meanwhile.
 * @throws IchorError PORT_IN_USE, DATABASE_UNAVAILABLE, DATA_DIR_UNUSABLE, …
 */
export async function startReceiverRole(config: Config, log: Log): Promise<{ port: number; close(): Promise<void> }> {
  const database = await openDatabase(config, log, { mayBeAway: true });
  const queues = await openQueues(config, database, log);
  const incidents = openIncidents(database, log, config);
  const guard = await guardSpool({ settings: config, database, log, incidents, mayBegin: true });
  const closeGround = async (): Promise<void> => {
    for (const part of [guard, incidents, queues, database]) await part.close();
  };
  const spool = await openSpool(config, config.diskFloorBytes, guard.check).catch(async (error) => {
    await closeGround();
    throw error;
  });
  const index = startStudyIndex({ config, log, database, queues, spool, incidents });
  const close = async (): Promise<void> => {
    await index.close();
    await closeGround();
  };
  const events: AssociationEvents = {
    ...associationEvents({ config, log, spool, index, incidents }),
    commitment: (report) => recordCommitment(database, report, log, incidents, config.deliveryTtlMs),
  };
  try {
    const dicom = await listenDicom(config, associationContext(config, events));
    log.event('role.started', { port: dicom.port });
    return {
      port: dicom.port,
      async close() {
        await dicom.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const associationContext =
  (config: Config, events: AssociationEvents) =>
  (openAssociations: AssociationContext['openAssociations']): AssociationContext => ({
    config,
    events,
    openAssociations,
    memory: makeMemoryBudget(config.maxMemoryBytes),
  });

type Parts = {
  readonly config: Config;
  readonly log: Log;
  readonly spool: Spool;
  readonly index: StudyIndex;
  readonly incidents: Incidents;
};

function associationEvents({ config, log, spool, index, incidents }: Parts): Omit<AssociationEvents, 'commitment'> {
  let open = 0;
  const brokenOff = new Map<number, BrokenOff>();
  return {
    accepted(association) {
      metrics.openAssociations(++open);
      index.associationOpened(association.id);
      metrics.association('accepted');
      log.event('association.opened', association);
    },
    rejected(callingAeTitle, { text }, { remoteAddress }) {
      metrics.association('rejected');
      log.event('association.rejected', { callingAeTitle, remoteAddress, reason: text });
      incidents.record({
        code: 'ASSOCIATION_REFUSED',
        message: `An association of ${callingAeTitle} (${remoteAddress}) was rejected: ${text}.`,
        callingAeTitle,
        address: remoteAddress,
      });
    },
    aborted(association, reason, peer) {
      if (association !== null) brokenOff.set(association.id, { reason, callingAeTitle: association.callingAeTitle });
      metrics.association('aborted');
      log.event('association.aborted', { ...peer, ...association, reason });
    },
    released: (association) => index.associationReleased(association.id),
    closed(association) {
      if (association === null) return;
      metrics.openAssociations(--open);
      index.associationClosed(association.id, brokenOff.get(association.id) ?? null);
      brokenOff.delete(association.id);
      log.event('association.closed', association);
    },
    async store(request, association) {
      const started = performance.now();
      const into = CT_IMAGES.has(request.sopClassUid) ? index.spoolFor(association.id) : spool;
      const outcome = await storeInstance(request, into, config);
      metrics.instance(outcome.kind);
      metrics.received((performance.now() - started) / 1000);
      if ('instance' in outcome) index.record(outcome.instance, association.id);
      recordOutcome(outcome, { log, incidents });
    },
    refused(request, error, association) {
      metrics.instance('refused');
      const lost = notStored(request);
      const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, callingAeTitle } = lost;
      const { code, message } = error;
      incidents.record({
        code,
        message,
        studyInstanceUid,
        seriesInstanceUid,
        sopInstanceUid: sopInstanceUid || null,
        callingAeTitle,
        address: association.remoteAddress,
      });
      if (lost.canBeCtSlice) index.lost(lost, code, association.id);
    },
  };
}

function recordOutcome(outcome: StoreOutcome, { log, incidents }: Pick<Parts, 'log' | 'incidents'>): void {
  if (!('instance' in outcome)) {
    log.event('instance.own', { outcome: outcome.kind });
    return;
  }
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, callingAeTitle } = outcome.instance;
  log.event('instance.stored', { sopInstanceUid, outcome: outcome.kind });
  if (outcome.kind !== 'conflict') return;
  const { code, message } = new IchorError('DUPLICATE_SOP_INSTANCE', { sopInstanceUid });
  incidents.record({ code, message, studyInstanceUid, seriesInstanceUid, sopInstanceUid, callingAeTitle });
}
