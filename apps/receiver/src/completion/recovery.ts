/**
 * What lies in the spool and not in the index: found again after a restart, a kill or a long outage.
 *
 * A study must not be complete while half of it has not been found again. A scan goes through the whole spool, which takes its
 * time; meanwhile the folders of open studies are looked into first, each round, and a study that was looked into may complete.
 * A scan that could not read a folder is repeated after a pause.
 */
import { basename } from 'node:path';
import { readPart10Head } from '@ichor/dicom/readPart10';
import { isSafeUid } from '@ichor/dicom/uid';
import { asIchorError } from '@ichor/shared/errors';
import type { Spool } from '@ichor/store/files/spool';
import type { Database } from '@ichor/store/postgres/database';
import { openStudies } from '@ichor/store/rows/completion';
import type { Incidents } from '@ichor/store/rows/incident';
import type { IndexedHeader, StoredInstance } from '@ichor/store/rows/instance';
import { indexedPaths } from '@ichor/store/rows/instance';
import type { Log } from '@ichor/telemetry/log';
import { identityOf, indexedHeader } from '../storeInstance.ts';
import type { Notes } from './notes.ts';

export type Recovery = {
  /** What was noted is lost: only the spool knows it. */
  lost(): void;
  /**
   * Once a round, before the notes are written: starts a scan that is due, and notes what the folders of open studies hold.
   * @returns what to call once the notes are written: it gives the studies that may complete, or null when all may
   */
  look(): Promise<() => readonly string[] | null>;
  close(): Promise<void>;
};

type Parts = {
  readonly database: Database;
  readonly spool: Spool;
  readonly incidents: Incidents;
  readonly log: Log;
};

/** Paths that one statement asks the index about. */
const BATCH = 1_000;
/** Instances that a scan finds wait for the database when this many are waiting. */
const MOST_FOUND = 1_000;
/** Open studies that a round looks into. */
const STUDIES_PER_ROUND = 50;
const WAIT_MS = 100;
const RESCAN_AFTER_MS = 15_000;

export function startRecovery(parts: Parts, notes: Notes): Recovery {
  let [due, closing] = [true, false];
  let dueAt = 0;
  let scanning: Promise<void> | null = null;
  let looked = new Set<string>();

  function lost(): void {
    due = true;
    looked = new Set();
  }

  /** @returns how many were noted. @throws Error when they became too many, or the process ends */
  async function noteUnindexed(studyInstanceUid?: string): Promise<number> {
    let found = 0;
    for await (const instance of findUnindexed(parts, studyInstanceUid)) {
      if (closing) throw new Error('the scan was broken off');
      if (!notes.note(instance)) {
        lost();
        throw new Error('more instances wait for the index than can');
      }
      found++;
      if (studyInstanceUid === undefined) while (notes.waiting() >= MOST_FOUND && !closing) await pause(WAIT_MS);
    }
    return found;
  }

  async function scan(): Promise<void> {
    due = false;
    try {
      const found = await noteUnindexed();
      for (const last = notes.noted(); notes.settled() < last && !closing; ) await pause(WAIT_MS);
      if (found > 0) parts.log.event('index.recovered', { instances: found });
    } catch (thrown) {
      recordUnreadable(thrown, parts.incidents);
      due = true;
      dueAt = isUnreadable(thrown) ? performance.now() + RESCAN_AFTER_MS : 0;
    } finally {
      scanning = null;
    }
  }

  async function lookInto(studies: readonly string[]): Promise<string[]> {
    const complete: string[] = [];
    for (const study of studies) {
      try {
        await noteUnindexed(study);
        complete.push(study);
      } catch (thrown) {
        if (!isUnreadable(thrown)) throw thrown;
      }
    }
    return complete;
  }

  return {
    lost,
    async look() {
      if (closing || (!due && scanning === null)) return () => null;
      if (due && scanning === null && performance.now() >= dueAt) scanning = scan();
      const into = looked;
      const now = await lookInto(await openStudies(parts.database, [...into], STUDIES_PER_ROUND));
      return () => {
        for (const study of now) into.add(study);
        return due || scanning !== null ? [...looked] : null;
      };
    },
    async close() {
      closing = true;
      await scanning;
    },
  };
}

const isUnreadable = (thrown: unknown): boolean => asIchorError(thrown).code === 'FILE_UNREADABLE';

function recordUnreadable(thrown: unknown, incidents: Incidents): void {
  const { code, message } = asIchorError(thrown);
  if (isUnreadable(thrown)) incidents.record({ code, message });
}

/** In the order of the spool. */
async function* findUnindexed(
  { database, spool, incidents }: Parts,
  studyInstanceUid?: string,
): AsyncIterable<StoredInstance> {
  for await (const paths of batches(spool.scan(studyInstanceUid))) {
    const known = await indexedPaths(database, paths);
    for (const path of paths) if (!known.has(path)) yield await readStored(spool, path, incidents);
  }
}

/** What was found before a fault comes first. */
async function* batches(paths: AsyncIterable<string>): AsyncIterable<string[]> {
  let batch: string[] = [];
  let fault: unknown = null;
  try {
    for await (const path of paths) {
      if (batch.push(path) < BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    fault = error;
  }
  if (batch.length > 0) yield batch;
  if (fault !== null) throw fault;
}

/** A file that cannot be read is an incident, and indexed by its name: its study must not pass for whole without it. */
async function readStored(spool: Spool, path: string, incidents: Incidents): Promise<StoredInstance> {
  const identified = identityInName(path);
  try {
    const file = await readPart10Head(spool.files, path);
    const { sopClassUid, transferSyntaxUid } = file;
    const identity = identityOf(file.dataset, {
      sopClassUid: sopClassUid ?? '',
      sopInstanceUid: file.sopInstanceUid ?? '',
    });
    return {
      ...identity,
      spoolPath: path,
      sopClassUid: sopClassUid ?? '',
      transferSyntaxUid,
      sizeBytes: file.sizeBytes,
      callingAeTitle: file.callingAeTitle ?? '',
      header: indexedHeader(file.dataset),
    };
  } catch (thrown) {
    const { code, message } = asIchorError(thrown);
    incidents.record({ code, message, ...identified });
    return {
      ...identified,
      spoolPath: path,
      sopClassUid: '',
      transferSyntaxUid: '',
      sizeBytes: 0,
      callingAeTitle: '',
      header: UNREAD,
    };
  }
}

/** STUDY/SERIES/INSTANCE[.DIGEST].dcm */
function identityInName(path: string) {
  const [studyInstanceUid, seriesInstanceUid] = path.split('/') as [string, string];
  const name = basename(path, '.dcm');
  const sopInstanceUid = isSafeUid(name) ? name : name.replace(/\.[0-9a-f]{16}$/, '');
  return { studyInstanceUid, seriesInstanceUid, sopInstanceUid };
}

const UNREAD: IndexedHeader = {
  accessionNumber: null,
  patientId: null,
  patientName: null,
  studyDate: null,
  studyDescription: null,
  modality: null,
  seriesDescription: null,
  requestedProcedurePriority: null,
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
