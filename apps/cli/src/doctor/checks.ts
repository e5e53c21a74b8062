/** Everything that Ichor stands on, checked one after the other; no check can stop the next. */
import { randomUUID } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { access, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tryBundle } from '@ichor/analysis/inference/tryBundle';
import { echo } from '@ichor/dimse/requestor/echo';
import type { Destination } from '@ichor/settings/aeTitles';
import type { Config } from '@ichor/settings/config';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { openStore, spoolStore } from '@ichor/store/files/openStores';
import { guardSpool } from '@ichor/store/files/spoolIdentity';
import type { Database } from '@ichor/store/postgres/database';
import { checkDatabase, openDatabase, serverVersion } from '@ichor/store/postgres/database';
import { checkQueue, openQueues } from '@ichor/store/queue/queues';
import { knownSpool } from '@ichor/store/rows/spool';
import { createLog, type Log } from '@ichor/telemetry/log';
import { type Finding, fail, ok, warn } from './finding.ts';
import { checkPort, isOurDicom, isOurHttp } from './ports.ts';

const OLDEST_NODE = 24;
const DATABASE_DEADLINE_MS = 8_000;

/** @param version `process.versions.node` */
export function checkNode(version: string): Finding {
  if (Number(version.split('.')[0]) >= OLDEST_NODE) return ok('node', `Node ${version}`);
  return fail(
    'node',
    `Node ${version} is too old; ${OLDEST_NODE} is needed. Run \`npm ci\` and start with \`npx ichor\` or npm scripts.`,
  );
}

/** Every check that needs a valid configuration, each as soon as it is known. */
export async function* checkAll(config: Config): AsyncGenerator<Finding> {
  yield await settled('data folder', () => checkDataFolder(config.dataDir));
  yield await settled('disk', () => checkFreeSpace(config));
  yield await settled('DICOM port', () =>
    checkPort('DICOM port', 'ICHOR_DICOM_PORT', config, () => isOurDicom(config)),
  );
  yield await settled('HTTP port', () => checkPort('HTTP port', 'ICHOR_HTTP_PORT', config, () => isOurHttp(config)));
  if (config.tls !== null) yield await settled('TLS', () => checkTlsFiles(config.tls!));
  yield* checkStores(config);
  yield await settled('model', () => checkBundle(config));
  for (const destination of config.destinations)
    yield await settled(destination.aeTitle, () => checkDestination(destination, config));
}

/** A fault of the check itself is a failure of what it checks. */
async function settled(subject: string, check: () => Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return fail(subject, reasonOf(error));
  }
}

async function checkDataFolder(dataDir: string): Promise<Finding> {
  const remedy = 'Give this user write access, or set ICHOR_DATA_DIR.';
  const existing = nearestExisting(dataDir);
  try {
    if (existing !== dataDir) await access(existing, constants.W_OK | constants.X_OK);
    else await writeAndRemove(join(dataDir, `.doctor-${randomUUID()}`));
  } catch (error) {
    return fail('data folder', `${dataDir} cannot be written (${reasonOf(error)}). ${remedy}`);
  }
  return ok(
    'data folder',
    existing === dataDir ? `${dataDir} can be written` : `${dataDir} will be made at the first start`,
  );
}

async function writeAndRemove(path: string): Promise<void> {
  await writeFile(path, '');
  await rm(path);
}

const nearestExisting = (path: string): string =>
  existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));

async function checkFreeSpace(config: Config): Promise<Finding> {
  const { dataDir, storeUrl, diskFloorBytes } = config;
  const free = await spoolStore(config).freeBytes();
  const text = `${gibibytes(free)} GiB are free for ${storeUrl ?? dataDir}; the floor is ${gibibytes(diskFloorBytes)} GiB`;
  if (free < diskFloorBytes)
    return fail('disk', `${text}: instances are refused with 0xA700. Free space, or lower ICHOR_DISK_FLOOR_BYTES.`);
  return free < 2 * diskFloorBytes ? warn('disk', `${text}. Free space soon.`) : ok('disk', text);
}

const gibibytes = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);

async function checkTlsFiles({ keyPath, certPath, caPath }: NonNullable<Config['tls']>): Promise<Finding> {
  for (const path of [keyPath, certPath, caPath]) {
    if (path === null) continue;
    const text = await readFile(path, 'utf8');
    if (!text.includes('-----BEGIN ')) return fail('TLS', `${path} is no PEM file. Convert it with \`openssl\`.`);
  }
  return ok('TLS', caPath === null ? 'key and certificate are readable' : 'client certificates are required');
}

/** Database, then queue, which may stand on it. */
async function* checkStores(config: Config): AsyncGenerator<Finding> {
  if (config.databaseUrl === null && !existsSync(join(config.dataDir, 'postgres'))) {
    yield ok('database', 'the embedded PostgreSQL will be made at the first start');
    if (config.queueUrl === null) yield ok('queue', 'will stand on the embedded PostgreSQL');
    else yield warn('queue', 'is checked once the database exists; start Ichor and run `ichor doctor` again');
    return;
  }
  const log = createLog({ ...config, logLevel: 'silent' }, 'doctor');
  const database = await withinDeadline(openDatabase(config, log)).catch((error: unknown) => reasonOf(error));
  if (typeof database === 'string') {
    yield fail('database', database);
    yield fail('queue', 'cannot be checked without the database');
    return;
  }
  yield await settled('database', async () => {
    await checkDatabase(database);
    return ok('database', `PostgreSQL ${await serverVersion(database)} answers; the schema is up to date`);
  });
  yield await settled('spool', () => checkSpool(config, database, log));
  yield await settled('queue', async () => {
    const queues = await openQueues(config, database);
    await checkQueue(queues).finally(() => queues.close());
    return ok('queue', config.queueUrl === null ? 'answers (on the database)' : 'answers');
  });
  await database.close();
}

async function checkSpool(config: Config, database: Database, log: Log): Promise<Finding> {
  const guard = await guardSpool({ settings: config, database, log, incidents: null, mayBegin: false });
  await guard.check().finally(() => guard.close());
  const { place } = openStore(config, 'spool');
  const folder = await stat(place).catch(() => null);
  if (folder !== null && (folder.mode & 0o077) !== 0)
    return warn('spool', `other users of this machine can read ${place}. Run \`chmod 700\` on it.`);
  const { identity } = await knownSpool(database);
  return ok(
    'spool',
    identity === null ? 'will be begun by the first receiver' : 'the folder is the one of this database',
  );
}

/** A role waits long for a database that is starting; a person who asks does not. */
async function withinDeadline(opening: Promise<Database>): Promise<Database> {
  const reason = `no answer within ${DATABASE_DEADLINE_MS / 1000} s`;
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new IchorError('DATABASE_UNAVAILABLE', { reason })), DATABASE_DEADLINE_MS).unref();
  });
  opening.catch(() => {});
  return Promise.race([opening, late]);
}

/** With the thresholds and the execution providers of this site. */
async function checkBundle(config: Config): Promise<Finding> {
  const { problems } = await tryBundle(config, createLog({ ...config, logLevel: 'silent' }, 'doctor'));
  if (problems.length === 0) return ok('model', `the bundle in ${config.modelDir} verifies and passes its self-test`);
  throw new IchorError('BUNDLE_INVALID', { path: config.modelDir, reason: problems.join('; ') });
}

async function checkDestination(destination: Destination, config: Config): Promise<Finding> {
  const where = `${destination.host}:${destination.port}`;
  try {
    await echo(destination, { callingAeTitle: config.aeTitle, tls: config.tls });
    return ok(destination.aeTitle, `answers C-ECHO at ${where}`);
  } catch (error) {
    return fail(destination.aeTitle, `${reasonOf(error)} Results would wait and be tried again.`);
  }
}
