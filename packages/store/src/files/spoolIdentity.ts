/**
 * Whether the folder `spool` is the one that the database belongs to, and not the empty folder of a mount that failed, or another
 * installation's.
 *
 * The first receiver writes a random identity into `spool/identity` and into the database; every role compares them. A receiver
 * whose database is away goes by what it kept beside the spool, in `spool.identity` of the data folder. What is expected:
 *
 *   unknown    the database has not answered yet, and nothing was kept: a spool that holds something will do
 *   nothing    the database knows neither a spool nor an instance
 *   lost       the database knows instances but no spool, and the folder is empty
 *   identity   this very one
 *
 * Where the database knows no spool, one with an identity is taken over, as is one that holds studies, from before there were
 * identities; an empty one only when the database knows no instance, and by a receiver only.
 */
import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSafeUid } from '@ichor/dicom/uid';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import { readingFile } from '@ichor/shared/fileFault';
import type { Log } from '@ichor/telemetry/log';
import type { Database } from '../postgres/database.ts';
import type { Incidents } from '../rows/incident.ts';
import { insertSpool, knownSpool } from '../rows/spool.ts';
import { writeDurably } from './durably.ts';
import { makeFolder } from './makeFolder.ts';

export type SpoolGuard = {
  /** Looks at the folder as it is now. @throws IchorError SPOOL_FOREIGN, FILE_UNREADABLE */
  check(): Promise<void>;
  close(): Promise<void>;
};
export type GuardParts = {
  readonly dataDir: string;
  readonly database: Pick<Database, 'pool'>;
  readonly log: Log;
  readonly incidents: Incidents | null;
  /** Whether this role may begin a spool in an empty folder. */
  readonly mayBegin: boolean;
};

type Expected =
  | { readonly kind: 'unknown' | 'nothing' | 'lost' }
  | { readonly kind: 'identity'; readonly identity: string };

const LOOK_EVERY_MS = 1_000;
/** The database may be away: what was kept will do until it answers. */
const FIRST_ANSWER_MS = 2_000;

/** Returns as soon as it is known what to expect, or the database does not answer. Never throws. */
export async function guardSpool(parts: GuardParts): Promise<SpoolGuard> {
  const root = join(parts.dataDir, 'spool');
  const keptPath = join(parts.dataDir, 'spool.identity');
  const kept = (await readFile(keptPath, 'utf8').catch(() => '')).trim();
  let expected: Expected = kept === '' ? { kind: 'unknown' } : { kind: 'identity', identity: kept };
  let confirmed = false;
  const found = identityReader(root);

  async function confirm(): Promise<void> {
    expected = await expectedBy(parts, root, await found());
    if (expected.kind !== 'identity') return;
    confirmed = true;
    if (expected.identity !== kept)
      await writeFile(keptPath, `${expected.identity}\n`, { mode: 0o600 }).catch(() => {});
  }

  const check = async (): Promise<void> => compare(root, expected, await found());
  const watch = keepWatch(parts, async () => {
    if (!confirmed) await confirm().catch(() => {});
    await check();
  });
  await Promise.race([watch.first, new Promise((resolve) => setTimeout(resolve, FIRST_ANSWER_MS).unref())]);
  return { check, close: watch.close };
}

/** @throws IchorError DATABASE_UNAVAILABLE, and faults of the folder */
async function expectedBy(parts: GuardParts, root: string, found: string | null): Promise<Expected> {
  const { database, mayBegin } = parts;
  const { identity: known, instances } = await knownSpool(database);
  if (known !== null) return { kind: 'identity', identity: known };
  if (found === null && !(await holdsStudies(root))) {
    if (instances) return { kind: 'lost' };
    if (!mayBegin) return { kind: 'nothing' };
  }
  const identity = found ?? (await begin(root));
  await insertSpool(database, identity);
  return expectedBy(parts, root, identity);
}

/** Writes an identity durably, unless another role has done so meanwhile. @returns the one that is there */
async function begin(root: string): Promise<string> {
  await makeFolder(root);
  const path = join(root, 'identity');
  await writeDurably(path, [Buffer.from(`${randomUUID()}\n`)], false);
  return (await readFile(path, 'utf8')).trim();
}

async function compare(root: string, expected: Expected, found: string | null): Promise<void> {
  if (expected.kind === 'nothing') return;
  if (expected.kind === 'identity' && expected.identity === found) return;
  if (expected.kind === 'unknown' && (found !== null || (await holdsStudies(root)))) return;
  throw new IchorError('SPOOL_FOREIGN', { path: root, reason: await whyForeign(root, expected, found) });
}

async function whyForeign(root: string, expected: Expected, found: string | null): Promise<string> {
  if (found !== null) return 'its file `identity` names another';
  if (!(await holdsStudies(root))) return 'it is empty';
  if (expected.kind !== 'identity') return 'its file `identity` is missing';
  return `its file \`identity\` is missing; should this be the right folder all the same, write ${expected.identity} into it`;
}

async function holdsStudies(root: string): Promise<boolean> {
  const entries = await readdir(root).catch(() => []);
  return entries.some(isSafeUid);
}

/** @returns a function that gives the identity in the spool, null when there is none; it reads the file again only when that is another */
function identityReader(root: string): () => Promise<string | null> {
  const path = join(root, 'identity');
  let last: { readonly file: BigIntStats; readonly identity: string } | null = null;
  return () =>
    readingFile(path, async () => {
      const file = await stat(path, { bigint: true }).catch(unlessMissing);
      if (file === null) return null;
      if (last === null || !isSame(last.file, file)) last = { file, identity: (await readFile(path, 'utf8')).trim() };
      return last.identity || null;
    });
}

const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.dev === other.dev && one.ino === other.ino && one.mtimeNs === other.mtimeNs && one.size === other.size;

function unlessMissing(error: NodeJS.ErrnoException): null {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  return null;
}

/** Looks again and again, and reports when what it finds changes. */
function keepWatch({ log, incidents }: GuardParts, look: () => Promise<void>) {
  let reported: string | null = null;
  const report = (error: IchorError | null): void => {
    if ((error?.message ?? null) === reported) return;
    reported = error?.message ?? null;
    if (error === null) log.event('spool.back', {});
    else log.event('spool.foreign', { code: error.code, reason: error.message });
    if (error !== null) incidents?.record({ code: error.code, message: error.message });
  };
  const lookAndReport = (): Promise<void> =>
    look().then(
      () => report(null),
      (thrown) => report(asIchorError(thrown)),
    );
  const first = lookAndReport();
  let looking: Promise<void> | null = first;
  void first.finally(() => {
    looking = null;
  });
  const timer = setInterval(() => {
    looking ??= lookAndReport().finally(() => {
      looking = null;
    });
  }, LOOK_EVERY_MS).unref();
  return {
    first,
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}
