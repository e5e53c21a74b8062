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
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import { isMissing } from '@ichor/shared/fileFault';
import type { FileReader, SpoolReference } from '@ichor/shared/files';
import type { Log } from '@ichor/telemetry/log';
import type { Database } from '../postgres/database.ts';
import type { Incidents } from '../rows/incident.ts';
import { insertSpool, knownSpool } from '../rows/spool.ts';
import type { OpenedStore } from './fileStore.ts';
import { makeFolder } from './makeFolder.ts';
import { openStore, type StoreSettings } from './openStores.ts';

export type SpoolGuard = {
  /** Looks at the folder as it is now. @throws IchorError SPOOL_FOREIGN, FILE_UNREADABLE */
  check(): Promise<void>;
  close(): Promise<void>;
};
export type GuardParts = {
  readonly settings: StoreSettings;
  readonly database: Pick<Database, 'pool'>;
  readonly log: Log;
  readonly incidents: Incidents | null;
  /** Whether this role may begin a spool in an empty folder. */
  readonly mayBegin: boolean;
};

type Expected =
  | { readonly kind: 'unknown' | 'nothing' | 'lost' }
  | { readonly kind: 'identity'; readonly identity: string };

type SpoolStore = OpenedStore<SpoolReference>;
const IDENTITY = 'identity';
const LOOK_EVERY_MS = 1_000;
/** The database may be away: what was kept will do until it answers. */
const FIRST_ANSWER_MS = 2_000;

/** Returns as soon as it is known what to expect, or the database does not answer. Never throws. */
export async function guardSpool(parts: GuardParts): Promise<SpoolGuard> {
  const spool = openStore(parts.settings, 'spool');
  const keptPath = join(parts.settings.dataDir, 'spool.identity');
  const kept = (await readFile(keptPath, 'utf8').catch(() => '')).trim();
  let expected: Expected = kept === '' ? { kind: 'unknown' } : { kind: 'identity', identity: kept };
  let confirmed = false;
  const found = identityReader(spool.files);

  async function confirm(): Promise<void> {
    expected = await expectedBy(parts, spool, await found());
    if (expected.kind !== 'identity') return;
    confirmed = true;
    if (expected.identity !== kept) await keep(keptPath, expected.identity).catch(() => {});
  }

  const check = async (): Promise<void> => compare(spool, expected, await found());
  const watch = keepWatch(parts, async () => {
    if (!confirmed) await confirm().catch(() => {});
    await check();
  });
  await Promise.race([watch.first, new Promise((resolve) => setTimeout(resolve, FIRST_ANSWER_MS).unref())]);
  return { check, close: watch.close };
}

async function keep(path: string, identity: string): Promise<void> {
  await makeFolder(dirname(path));
  await writeFile(path, `${identity}\n`, { mode: 0o600 });
}

/** @throws IchorError DATABASE_UNAVAILABLE, and faults of the folder */
async function expectedBy(parts: GuardParts, spool: SpoolStore, found: string | null): Promise<Expected> {
  const { database, mayBegin } = parts;
  const { identity: known, instances } = await knownSpool(database);
  if (known !== null) return { kind: 'identity', identity: known };
  if (found === null && !(await holdsStudies(spool))) {
    if (instances) return { kind: 'lost' };
    if (!mayBegin) return { kind: 'nothing' };
  }
  const identity = found ?? (await begin(spool));
  await insertSpool(database, identity);
  return expectedBy(parts, spool, identity);
}

/** Writes an identity durably, unless another role has done so meanwhile. @returns the one that is there */
async function begin({ files, prepare }: SpoolStore): Promise<string> {
  await prepare();
  await files.put(IDENTITY, [Buffer.from(`${randomUUID()}\n`)], false);
  return textOf(await files.open(IDENTITY));
}

async function compare(spool: SpoolStore, expected: Expected, found: string | null): Promise<void> {
  if (expected.kind === 'nothing') return;
  if (expected.kind === 'identity' && expected.identity === found) return;
  if (expected.kind === 'unknown' && (found !== null || (await holdsStudies(spool)))) return;
  throw new IchorError('SPOOL_FOREIGN', { path: spool.place, reason: await whyForeign(spool, expected, found) });
}

async function whyForeign(spool: SpoolStore, expected: Expected, found: string | null): Promise<string> {
  if (found !== null) return 'its file `identity` names another';
  if (!(await holdsStudies(spool))) return 'it is empty';
  if (expected.kind !== 'identity') return 'its file `identity` is missing';
  return `its file \`identity\` is missing; should this be the right folder all the same, write ${expected.identity} into it`;
}

async function holdsStudies({ files }: SpoolStore): Promise<boolean> {
  try {
    for await (const reference of files.list('')) if (reference.includes('/')) return true;
  } catch (error) {
    if (!(error instanceof IchorError)) throw error;
  }
  return false;
}

/** @returns a function that gives the identity in the spool, null when there is none; it reads the file again only when that is another */
function identityReader(files: FileReader): () => Promise<string | null> {
  let last: { readonly version: string; readonly identity: string } | null = null;
  return async () => {
    const file = await files.stat(IDENTITY).catch(unlessMissing);
    if (file === null) return null;
    if (last?.version !== file.version) last = { version: file.version, identity: textOf(await files.open(IDENTITY)) };
    return last.identity || null;
  };
}

const textOf = (bytes: Buffer): string => bytes.toString().trim();

function unlessMissing(error: unknown): null {
  if (!isMissing(error)) throw error;
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
