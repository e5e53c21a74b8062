/**
 * Queues (sole importer of bullmq and ioredis): on Redis, or on PostgreSQL when ICHOR_QUEUE_URL does not say otherwise.
 *
 * A queue only carries what a row already says is due. Finished jobs are removed, so that an id can be added again; while a
 * job waits or runs, adding its id again changes nothing. How often a failed job is tried is the consumer's matter.
 */
import { createPostgresBackend, DelayedError, Queue, UnrecoverableError, Worker, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import type { Config } from './config.ts';
import type { Database } from './database.ts';
import { IchorError, reasonOf } from './errors.ts';
import type { Log } from './log.ts';

export type AddOptions = { readonly jobId: string; readonly priority?: number; readonly delayMs?: number };

/** What a handler knows of its job beside the payload. `attempt` counts from 1. */
export type JobInfo = { readonly jobId: string; readonly attempt: number };
/** @returns null when done, or the pause after which the same job runs again */
export type Handler = (payload: unknown, job: JobInfo) => Promise<{ readonly againInMs: number } | null>;
export type ConsumeOptions = { readonly concurrency?: number; readonly attempts?: number };

export type Queues = {
  /** @throws IchorError QUEUE_UNAVAILABLE */
  add(queue: string, payload: object, options: AddOptions): Promise<void>;
  consume(queue: string, handler: Handler, options?: ConsumeOptions): { close(): Promise<void> };
  /** Jobs by state, for metrics. */
  counts(queue: string): Promise<Readonly<Record<string, number>>>;
  ping(): Promise<void>;
  close(): Promise<void>;
};

/** A job of a killed worker is taken up by another after this long. */
const LOCK_MS = 15_000;
const ADD_TIMEOUT_MS = 10_000;
const FINISHED = { removeOnComplete: true, removeOnFail: true } as const;

/** @throws IchorError QUEUE_UNAVAILABLE */
export async function openQueues(
  config: Pick<Config, 'queueUrl'>,
  database: Pick<Database, 'url'>,
  log?: Log,
): Promise<Queues> {
  const url = config.queueUrl ?? database.url;
  const backend = url.startsWith('redis') ? await openRedis(url) : openPostgres(url);
  const queues = new Map<string, Queue>();
  const workers = new Set<Worker>();
  const quiet = (error: Error): void => log?.event('queue.lost', { reason: reasonOf(error) });
  const queueOf = (name: string): Queue => {
    const known = queues.get(name) ?? backend.makeQueue(name);
    if (!queues.has(name)) known.on('error', quiet);
    queues.set(name, known);
    return known;
  };
  return {
    add: (queue, payload, { jobId, priority, delayMs }) =>
      named(async () => {
        await queueOf(queue).add('job', payload, {
          ...FINISHED,
          jobId,
          ...(priority === undefined ? {} : { priority }),
          ...(delayMs === undefined ? {} : { delay: delayMs }),
        });
      }),
    consume(queue, handler, options = {}) {
      const worker = backend.makeWorker(queue, (job, token) => run(handler, job, token), options.concurrency ?? 1);
      worker.on('error', quiet);
      workers.add(worker);
      return {
        async close() {
          workers.delete(worker);
          await worker.close();
        },
      };
    },
    counts: (queue) => named(() => queueOf(queue).getJobCounts('waiting', 'active', 'delayed', 'prioritized')),
    ping: () => named(async () => void (await queueOf('triage').getJobCounts('waiting'))),
    async close() {
      await Promise.all([...workers].map((worker) => worker.close()));
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      await backend.close();
    },
  };
}

type BullJob = Parameters<
  ConstructorParameters<typeof Worker>[1] extends infer P
    ? P extends (...args: infer A) => unknown
      ? (...args: A) => void
      : never
    : never
>[0];

async function run(handler: Handler, job: BullJob, token: string | undefined): Promise<void> {
  const again = await handler(job.data, { jobId: job.id ?? '', attempt: job.attemptsStarted }).catch(
    (error: unknown) => {
      throw error instanceof IchorError && !error.retryable ? new UnrecoverableError(error.message) : error;
    },
  );
  if (again === null) return;
  await job.moveToDelayed(Date.now() + again.againInMs, token);
  throw new DelayedError();
}

type Backend = {
  makeQueue(name: string): Queue;
  makeWorker(
    name: string,
    process: (job: BullJob, token: string | undefined) => Promise<void>,
    concurrency: number,
  ): Worker;
  close(): Promise<void>;
};

const workerOptions = (concurrency: number) => ({
  concurrency,
  lockDuration: LOCK_MS,
  stalledInterval: LOCK_MS,
  maxStalledCount: 1_000,
  ...FINISHED_WORKER,
});
const FINISHED_WORKER = { removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } } as const;

async function openRedis(url: string): Promise<Backend> {
  const connection = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(attempt * 200, 2_000),
  });
  connection.on('error', () => {});
  return {
    makeQueue: (name) => new Queue(name, { connection: connection as never }),
    makeWorker: (name, process, concurrency) =>
      new Worker(name, process as never, { connection: connection as never, ...workerOptions(concurrency) }),
    async close() {
      connection.disconnect();
    },
  };
}

function openPostgres(connectionString: string): Backend {
  const { Queue: PostgresQueue, Worker: PostgresWorker } = withBackend(createPostgresBackend);
  const connection = { connectionString, migrate: true, max: 6 };
  return {
    makeQueue: (name) => new PostgresQueue(name, { connection }) as unknown as Queue,
    makeWorker: (name, process, concurrency) =>
      new PostgresWorker(name, process as never, { connection, ...workerOptions(concurrency) }) as unknown as Worker,
    async close() {},
  };
}

/** Any fault or silence of the backend is QUEUE_UNAVAILABLE: what was to be added is still due in the database. */
async function named<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ADD_TIMEOUT_MS} ms`)), ADD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work(), silence]);
  } catch (error) {
    throw new IchorError('QUEUE_UNAVAILABLE', { reason: reasonOf(error) }, error);
  } finally {
    clearTimeout(timer);
  }
}
