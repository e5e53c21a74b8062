/**
 * Queues (sole importer of bullmq and ioredis): on Redis, or on PostgreSQL when ICHOR_QUEUE_URL does not say otherwise.
 *
 * A queue only carries what a row already says is due. Finished jobs are removed, so that an id can be added again; while a
 * job waits or runs, adding its id again changes nothing. How often a failed job is tried is the consumer's matter: one whose
 * handler throws, as at a payload that makes no sense, is told in the log and gone; its row, if it is due, makes a new one.
 */

import type { Config } from '@ichor/settings/config';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import { createPostgresBackend, DelayedError, Queue, UnrecoverableError, Worker, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import type { Database } from '../postgres/database.ts';

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

/** A job of a killed worker is taken up by another within twice this time. */
const LOCK_MS = 15_000;
const SILENCE_MS = 5_000;
const RETRY_MS = 1_000;
/** A connection whose requests nobody answers for so long is given up; the longest that Redis keeps one waiting is 10 s. */
const LOST_MS = 30_000;
const FINISHED = { removeOnComplete: true, removeOnFail: true } as const;

/** Returns at once, whether the backend answers or not. */
export async function openQueues(
  config: Pick<Config, 'queueUrl'>,
  database: Pick<Database, 'url'>,
  log?: Log,
): Promise<Queues> {
  const url = config.queueUrl ?? database.url;
  const backend = url.startsWith('redis') ? openRedis(url) : openPostgres(url);
  const lost = (error: Error): void => log?.event('queue.lost', { reason: reasonOf(error) });
  const producers = keepProducers(backend, lost);
  const failed = (queue: string, jobId: string | undefined, error: Error): void =>
    log?.event('job.failed', { queue, jobId, reason: reasonOf(error) });
  const consumers = new Set<Consumer>();
  return {
    add: (queue, payload, { jobId, priority, delayMs }) =>
      producers.use(queue, async (producer) => {
        await producer.add('job', payload, {
          ...FINISHED,
          jobId,
          ...(priority === undefined ? {} : { priority }),
          ...(delayMs === undefined ? {} : { delay: delayMs }),
        });
      }),
    consume(queue, handler, options = {}) {
      const consumer = startConsumer(
        () => producers.use(queue, (producer) => producer.getJobCounts('waiting')),
        () =>
          backend
            .makeWorker(queue, (job, token) => run(handler, job, token), options.concurrency ?? 1)
            .on('failed', (job, error) => failed(queue, job?.id, error)),
        lost,
      );
      consumers.add(consumer);
      return { close: () => consumer.close().finally(() => consumers.delete(consumer)) };
    },
    counts: (queue) =>
      producers.use(queue, (producer) => producer.getJobCounts('waiting', 'active', 'delayed', 'prioritized')),
    ping: () => producers.use('triage', async (producer) => void (await producer.getJobCounts('waiting'))),
    async close() {
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      await producers.close();
      await backend.close();
    },
  };
}

type Consumer = { close(): Promise<void> };
type Producers = { use<T>(queue: string, work: (producer: Queue) => Promise<T>): Promise<T>; close(): Promise<void> };

/** One producer per queue. One whose first connection failed stays broken, therefore a producer that fails is made anew. */
function keepProducers(backend: Backend, lost: (error: Error) => void): Producers {
  const known = new Map<string, Queue>();
  const closing = new Set<Promise<void>>();
  const discard = (queue: string, producer: Queue): void => {
    if (known.get(queue) === producer) known.delete(queue);
    const closed = producer.close().catch(() => {});
    closing.add(closed);
    void closed.finally(() => closing.delete(closed));
  };
  return {
    async use(queue, work) {
      const producer = known.get(queue) ?? backend.makeQueue(queue);
      if (!known.has(queue)) producer.on('error', lost);
      known.set(queue, producer);
      return translateFaults(() => work(producer)).catch((error) => {
        discard(queue, producer);
        throw error;
      });
    },
    async close() {
      for (const [queue, producer] of known) discard(queue, producer);
      await Promise.race([Promise.all(closing), new Promise((resolve) => setTimeout(resolve, SILENCE_MS).unref())]);
    },
  };
}

/**
 * Consumes from the moment the backend answers. A worker finds a lost backend again by itself, except in two cases, in which it
 * asks again without a pause, for ever, and lets nothing else in the process run: its first connection failed, or every
 * request fails at once. Such a worker is replaced.
 */
function startConsumer(ask: () => Promise<unknown>, makeWorker: () => Worker, lost: (error: Error) => void): Consumer {
  const stop = Promise.withResolvers<void>();
  let closed = false;
  const running = (async (): Promise<void> => {
    while (!closed) {
      if (await succeeds(ask())) await consumeUntilBroken(makeWorker(), stop.promise, lost);
      if (!closed) await Promise.race([stop.promise, new Promise((resolve) => setTimeout(resolve, RETRY_MS))]);
    }
  })();
  return {
    async close() {
      closed = true;
      stop.resolve();
      await running;
    },
  };
}

const FAULTS_PER_SECOND = 20;

async function consumeUntilBroken(worker: Worker, stop: Promise<void>, lost: (error: Error) => void): Promise<void> {
  const broken = Promise.withResolvers<void>();
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= worker.close());
  const recent: number[] = [];
  worker.on('error', (error) => {
    lost(error);
    recent.push(performance.now());
    if (recent.length > FAULTS_PER_SECOND && recent.at(-1)! - recent.shift()! < 1_000) {
      void close();
      broken.resolve();
    }
  });
  const silence = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error(`no answer within ${2 * SILENCE_MS} ms`)), 2 * SILENCE_MS).unref(),
  );
  if (await succeeds(Promise.race([worker.waitUntilReady(), silence, stop]))) {
    worker.run().catch(lost);
    await Promise.race([broken.promise, stop]);
  }
  await close().catch(lost);
}

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

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
  autorun: false,
  concurrency,
  lockDuration: LOCK_MS,
  stalledInterval: LOCK_MS,
  maxStalledCount: 1_000,
  ...FINISHED_WORKER,
});
const FINISHED_WORKER = { removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } } as const;

/** Producers fail at once while Redis is away; workers wait for it. */
function openRedis(url: string): Backend {
  const retryStrategy = (attempt: number): number => Math.min(attempt * 200, 2_000);
  const common = { retryStrategy, connectTimeout: SILENCE_MS, socketTimeout: LOST_MS };
  const producing = new Redis(url, { ...common, maxRetriesPerRequest: 0 });
  const consuming = new Redis(url, { ...common, maxRetriesPerRequest: null });
  for (const connection of [producing, consuming]) connection.on('error', () => {});
  return {
    makeQueue: (name) => new Queue(name, { connection: producing as never }),
    makeWorker: (name, process, concurrency) =>
      new Worker(name, process as never, { connection: consuming as never, ...workerOptions(concurrency) }),
    async close() {
      producing.disconnect();
      consuming.disconnect();
    },
  };
}

function openPostgres(connectionString: string): Backend {
  const { Queue: PostgresQueue, Worker: PostgresWorker } = withBackend(createPostgresBackend);
  const connection = {
    connectionString,
    migrate: true,
    connectionTimeoutMillis: SILENCE_MS,
    query_timeout: LOST_MS,
    keepAlive: true,
  };
  return {
    makeQueue: (name) => new PostgresQueue(name, { connection: { ...connection, max: 2 } }) as unknown as Queue,
    makeWorker: (name, process, concurrency) =>
      new PostgresWorker(name, process as never, {
        connection: { ...connection, max: 4 },
        ...workerOptions(concurrency),
      }) as unknown as Worker,
    async close() {},
  };
}

/** Any fault or silence of the backend is QUEUE_UNAVAILABLE: what was to be added is still due in the database. */
async function translateFaults<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SILENCE_MS} ms`)), SILENCE_MS);
  });
  try {
    return await Promise.race([work(), silence]);
  } catch (error) {
    throw new IchorError('QUEUE_UNAVAILABLE', { reason: reasonOf(error) }, error);
  } finally {
    clearTimeout(timer);
  }
}

/** @throws IchorError QUEUE_UNAVAILABLE */
export async function checkQueue(queues: Queues): Promise<void> {
  try {
    await queues.ping();
  } catch (error) {
    throw new IchorError('QUEUE_UNAVAILABLE', { reason: reasonOf(error) }, error);
  }
}
