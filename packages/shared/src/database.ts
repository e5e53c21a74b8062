/** PostgreSQL (sole importer of pg and node-pg-migrate at run time): pool, transactions, migrations. */
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Config } from './config.ts';
import { startEmbeddedPostgres } from './embeddedPostgres.ts';
import { IchorError, reasonOf } from './errors.ts';
import type { Log } from './log.ts';

export type DatabaseClient = pg.PoolClient;

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
type Pool = { query: (text: string, values?: readonly unknown[]) => Promise<pg.QueryResult> };

const MIGRATIONS = join(import.meta.dirname, '..', '..', '..', 'migrations');
const STARTUP_ATTEMPTS = 40;
const STARTUP_PAUSE_MS = 500;

/**
 * Connects, brings the schema up to date, and returns. Without ICHOR_DATABASE_URL an embedded server is started or joined.
 * @throws IchorError DATABASE_UNAVAILABLE, DATABASE_START_FAILED, DATA_DIR_UNUSABLE
 */
export async function openDatabase(config: Pick<Config, 'databaseUrl' | 'dataDir'>, log: Log): Promise<Database> {
  const embedded = config.databaseUrl === null ? await startEmbeddedPostgres(config.dataDir, log) : null;
  const url = embedded?.url ?? config.databaseUrl!;
  try {
    await untilItAccepts(url);
    await migrate(url);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 5_000 });
  pool.on('error', (error) => log.event('database.lost', { reason: reasonOf(error) }));
  return {
    url,
    pool: { query: (text, values) => named(() => pool.query(text, values as unknown[])) },
    transaction: (work) => transaction(pool, work),
    async connect() {
      const client = new pg.Client({ connectionString: url });
      await named(() => client.connect());
      return client;
    },
    async close() {
      await pool.end();
      await embedded?.stop();
    },
  };
}

async function transaction<T>(pool: pg.Pool, work: (client: DatabaseClient) => Promise<T>): Promise<T> {
  const client = await named(() => pool.connect());
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    return await named(async () => {
      await client.query('BEGIN');
      const result = await work(client);
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
async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isConnectionFault(error)) throw error;
    throw new IchorError('DATABASE_UNAVAILABLE', { reason: reasonOf(error) }, error);
  }
}

/** Socket errors, SQLSTATE class 08 (connection) and 57P (server shuts down), and pg's own words for a lost connection. */
function isConnectionFault(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return (
    /^(E[A-Z]+|08...|57P0[123])$/.test(code) ||
    /Connection terminated|timeout exceeded|Client has encountered a connection error/i.test(message) ||
    error instanceof AggregateError
  );
}

async function untilItAccepts(url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (attempt === STARTUP_ATTEMPTS || !isConnectionFault(error))
        throw new IchorError('DATABASE_UNAVAILABLE', { reason: reasonOf(error) }, error);
      await new Promise((resolve) => setTimeout(resolve, STARTUP_PAUSE_MS));
    }
  }
}

/** Forward-only SQL files under an advisory lock, so that roles may start together. */
async function migrate(databaseUrl: string): Promise<void> {
  const quiet = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
  for (let attempt = 1; ; attempt++) {
    try {
      await runner({
        databaseUrl,
        dir: MIGRATIONS,
        direction: 'up',
        migrationsTable: 'migration',
        checkOrder: true,
        logger: quiet,
      });
      return;
    } catch (error) {
      const locked = /Another migration is already running/.test(reasonOf(error));
      if (!locked || attempt === STARTUP_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, STARTUP_PAUSE_MS));
    }
  }
}
