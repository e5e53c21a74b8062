/** PostgreSQL (sole importer of pg and node-pg-migrate at run time): pool, transactions, migrations. */

import { join } from 'node:path';
import type { Config } from '@ichor/settings/config';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { type Parameter, storable } from '@ichor/shared/storable';
import type { Log } from '@ichor/telemetry/log';
import pg from 'pg';
import { startEmbeddedPostgres } from './embeddedPostgres.ts';
import { checkSchemaIsKnown, checkServerVersion } from './schema.ts';

/** Runs one statement; its parameters are made storable. */
type Query = (text: string, values?: readonly Parameter[]) => Promise<pg.QueryResult>;
/** The connection of a transaction. */
export type DatabaseClient = { readonly query: Query };

export type Database = {
  readonly url: string;
  readonly pool: Pool;
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
  transaction<T>(work: (client: DatabaseClient) => Promise<T>): Promise<T>;
  /** A connection of its own, for LISTEN. The caller ends it. */
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
};

/** `query` rejects with DATABASE_UNAVAILABLE when the server is away, and with its own error otherwise. */
type Pool = { readonly query: Query };

const MIGRATIONS = join(import.meta.dirname, '..', '..', '..', '..', 'migrations');
const STARTUP_ATTEMPTS = 40;
const STARTUP_PAUSE_MS = 500;
const CONNECT_TIMEOUT_MS = 5_000;
/** A caller that goes on without the database waits this long for its first answer: a server that will not do is told at once. */
const FIRST_ANSWER_MS = 2_000;
/** No statement of ours takes this long: a server that is silent for so long is away. */
const SILENCE_MS = 60_000;

export type DatabaseOptions = {
  /** Return although the server is away: statements reject until it comes, and then find the schema up to date. */
  readonly mayBeAway?: boolean;
};

/**
 * Connects, brings the schema up to date, and returns. Without ICHOR_DATABASE_URL an embedded server is started or joined.
 * Its connections stay open, so that an embedded server sees who still needs it.
 * @throws IchorError DATABASE_UNAVAILABLE, DATABASE_TOO_OLD, SCHEMA_TOO_NEW, DATABASE_START_FAILED, DATA_DIR_UNUSABLE
 */
export async function openDatabase(
  config: Pick<Config, 'databaseUrl' | 'dataDir'>,
  log: Log,
  { mayBeAway = false }: DatabaseOptions = {},
): Promise<Database> {
  const embedded = config.databaseUrl === null ? await startEmbeddedPostgres(config.dataDir, log) : null;
  const url = embedded?.url ?? config.databaseUrl!;
  const schema = untilDone(() => translateFaults(() => migrate(url)));
  const pool = openPool(url, log);
  const database: Database = {
    url,
    pool: {
      query: (text, values) => translateFaults(() => schema().then(() => pool.query(text, values?.map(storable)))),
    },
    transaction: (work) => schema().then(() => transaction(pool, work)),
    connect: () => translateFaults(() => connect(url)),
    async close() {
      await pool.end();
      await embedded?.stop();
    },
  };
  try {
    const answer = (): Promise<unknown> => database.pool.query('SELECT 1');
    await (mayBeAway ? firstAnswer(answer) : patiently(answer));
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

function openPool(connectionString: string, log: Log): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 0,
    query_timeout: SILENCE_MS,
    keepAlive: true,
  });
  pool.on('error', (error) => log.event('database.lost', { reason: reasonOf(error) }));
  return pool;
}

/** The connection's later loss is an `error` event for whoever listens to it, and never a fault of the process. */
async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Runs `work` until it succeeded once; later calls, and calls meanwhile, share that. */
function untilDone(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= work().catch((error) => {
      done = null;
      throw error;
    });
    return done;
  };
}

/** Waits a moment for an answer. @throws what will not pass: a server or a schema that will not do */
async function firstAnswer(work: () => Promise<unknown>): Promise<void> {
  const answered = work().catch((error) => {
    if (!isAway(error)) throw error;
  });
  answered.catch(() => {});
  await Promise.race([answered, pause(FIRST_ANSWER_MS)]);
}

const isAway = (error: unknown): boolean => error instanceof IchorError && error.code === 'DATABASE_UNAVAILABLE';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

async function patiently(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!isAway(error) || attempt === STARTUP_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, STARTUP_PAUSE_MS));
    }
  }
}

async function transaction<T>(pool: pg.Pool, work: (client: DatabaseClient) => Promise<T>): Promise<T> {
  const client = await translateFaults(() => pool.connect());
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    return await translateFaults(async () => {
      await client.query('BEGIN');
      const result = await work({ query: (text, values) => client.query(text, values?.map(storable)) });
      await client.query('COMMIT');
      return result;
    });
  } catch (error) {
    await client.query('ROLLBACK').catch((fault: Error) => {
      broken = fault;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Connection faults get their name; faults of the statement itself pass. */
async function translateFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof IchorError || !isConnectionFault(error)) throw error;
    throw new IchorError('DATABASE_UNAVAILABLE', { reason: reasonOf(error) }, error);
  }
}

/**
 * Socket errors, SQLSTATE classes 08, 53 (disk full, no memory, no connection left), 57P (server stops or starts) and 58 (its own
 * files), 25006 (it only reads now), and pg's own words: none is the statement's fault, and all pass.
 */
function isConnectionFault(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return (
    /^(E[A-Z]+|08...|25006|53...|57P0[1-5]|58...)$/.test(code) ||
    /Connection terminated|timeout (exceeded|expired)|Query read timeout|has encountered a connection error/i.test(
      message,
    ) ||
    error instanceof AggregateError
  );
}

/** Forward-only SQL files under an advisory lock, so that roles may start together. */
async function migrate(url: string): Promise<void> {
  /** Loaded only here: it opens the standard input. */
  const { runner } = await import('node-pg-migrate');
  const dbClient = await connect(url);
  try {
    await checkServerVersion(dbClient);
    await checkSchemaIsKnown(dbClient, MIGRATIONS);
    await withoutRivals(() =>
      runner({
        dbClient,
        dir: MIGRATIONS,
        direction: 'up',
        migrationsTable: 'migration',
        checkOrder: true,
        logger: { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} },
      }),
    );
  } finally {
    await dbClient.end().catch(() => {});
  }
}

async function withoutRivals(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === STARTUP_ATTEMPTS || !/Another migration is already running/.test(reasonOf(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, STARTUP_PAUSE_MS));
    }
  }
}

/** @returns the version of the server. @throws IchorError DATABASE_UNAVAILABLE */
export async function serverVersion(database: Database): Promise<string> {
  const { rows } = await database.pool.query('SHOW server_version');
  return rows[0].server_version;
}

/** @throws IchorError DATABASE_UNAVAILABLE */
export async function checkDatabase(database: Database): Promise<void> {
  await database.pool.query('SELECT 1 FROM study LIMIT 1');
}

/** How many migrations the schema has. @throws IchorError DATABASE_UNAVAILABLE */
export async function countMigrations(database: Database): Promise<number> {
  const { rows } = await database.pool.query('SELECT count(*)::int AS count FROM migration');
  return rows[0].count;
}
