/** One suite for both backends of the queues, on real servers. */
import { type AddressInfo, connect, createServer } from 'node:net';
import { IchorError } from '@ichor/shared/errors';
import { openQueues, type Queues } from '@ichor/store/queue/queues';
import { createLog } from '@ichor/telemetry/log';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/ichor.ts';
import { startPostgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';

type Server = { readonly url: string; kill(): Promise<void>; restart(): Promise<void>; stop(): Promise<void> };
const events: string[] = [];
const log = createLog({ logLevel: 'info' }, 'test', { write: (line) => void events.push(line) });

const backends: readonly (readonly [string, () => Promise<Server>])[] = [
  ['PostgreSQL', startPostgres],
  ['Redis', startRedis],
];

describe.each(backends)('queues on %s', (_name, start) => {
  let server: Server;
  let opened: Queues[] = [];
  let number = 0;
  const open = async (): Promise<Queues> => {
    const queues = await openQueues({ queueUrl: server.url }, { url: server.url }, log);
    opened.push(queues);
    return queues;
  };
  const freshQueue = (): string => `test-${++number}`;
  beforeAll(async () => {
    server = await start();
  });
  afterEach(async () => {
    await Promise.all(opened.map((queues) => queues.close()));
    opened = [];
  });
  afterAll(() => server?.stop());

  test('a job added by one process is done by another, once', async () => {
    const [adder, worker, name, done] = [await open(), await open(), freshQueue(), [] as unknown[]];
    worker.consume(name, async (payload) => {
      done.push(payload);
      return null;
    });
    await adder.add(name, { studyInstanceUid: '1.2' }, { jobId: 'one' });
    await eventually('the job', async () => done.length > 0);
    await adder.add(name, { last: true }, { jobId: 'two' });
    await eventually('the next job', async () => done.length > 1);
    expect(done).toEqual([{ studyInstanceUid: '1.2' }, { last: true }]);
  });

  test('adding a waiting job again changes nothing; adding a finished one runs it again', async () => {
    const [queues, name, done] = [await open(), freshQueue(), [] as string[]];
    for (let i = 0; i < 3; i++) await queues.add(name, {}, { jobId: 'same' });
    queues.consume(name, async (_payload, { jobId }) => {
      done.push(jobId);
      return null;
    });
    await eventually('the job', async () => done.length > 0);
    await eventually('its removal', async () => Object.values(await queues.counts(name)).every((count) => count === 0));
    expect(done).toEqual(['same']);
    await queues.add(name, {}, { jobId: 'same' });
    await eventually('the second run', async () => done.length === 2);
  });

  test('jobs run by priority, and in the order of adding within one', async () => {
    const [queues, name, done] = [await open(), freshQueue(), [] as string[]];
    for (const [jobId, priority] of [
      ['routine-1', 3],
      ['high', 2],
      ['stat', 1],
      ['routine-2', 3],
    ] as const)
      await queues.add(name, {}, { jobId, priority });
    queues.consume(name, async (_payload, { jobId }) => {
      done.push(jobId);
      return null;
    });
    await eventually('every job', async () => done.length === 4);
    expect(done).toEqual(['stat', 'high', 'routine-1', 'routine-2']);
  });

  test('a delayed job waits; the others do not wait for it', async () => {
    const [queues, name, done] = [await open(), freshQueue(), [] as string[]];
    queues.consume(name, async (_payload, { jobId }) => {
      done.push(jobId);
      return null;
    });
    await queues.add(name, {}, { jobId: 'later', delayMs: 1_500 });
    await queues.add(name, {}, { jobId: 'now' });
    await eventually('both', async () => done.length === 2);
    expect(done).toEqual(['now', 'later']);
  });

  test('a handler can have its job run again after a pause, and learns which attempt it is', async () => {
    const [queues, name, attempts] = [await open(), freshQueue(), [] as number[]];
    queues.consume(name, async (_payload, { attempt }) => {
      attempts.push(attempt);
      return attempt < 3 ? { againInMs: 50 } : null;
    });
    await queues.add(name, {}, { jobId: 'again' });
    await eventually('three attempts', async () => attempts.length === 3);
    await eventually('the end', async () => Object.values(await queues.counts(name)).every((count) => count === 0));
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('a handler that throws loses its job and not the queue', async () => {
    const [queues, name, done] = [await open(), freshQueue(), [] as string[]];
    events.length = 0;
    queues.consume(name, async (_payload, { jobId }) => {
      done.push(jobId);
      if (jobId === 'poison') throw new IchorError('STUDY_UNKNOWN', { studyInstanceUid: '1.2' });
      return null;
    });
    await queues.add(name, {}, { jobId: 'poison' });
    await queues.add(name, {}, { jobId: 'good' });
    await eventually('both', async () => done.length === 2);
    expect(done).toEqual(['poison', 'good']);
    await eventually('its removal', async () => Object.values(await queues.counts(name)).every((count) => count === 0));
    expect(events).toEqual([expect.stringMatching(/"event":"job.failed".*"jobId":"poison"/)]);
  });

  test('closing waits for the job under way', async () => {
    const [queues, name] = [await open(), freshQueue()];
    let [started, finished] = [false, false];
    const consumer = queues.consume(name, async () => {
      started = true;
      await new Promise((resolve) => setTimeout(resolve, 800));
      finished = true;
      return null;
    });
    await queues.add(name, {}, { jobId: 'slow' });
    await eventually('the start', async () => started);
    await consumer.close();
    expect(finished).toBe(true);
  });

  test('while the server is away adding says so, and workers go on when it is back', async () => {
    const [queues, name, done] = [await open(), freshQueue(), [] as string[]];
    queues.consume(name, async (_payload, { jobId }) => {
      done.push(jobId);
      return null;
    });
    await queues.add(name, {}, { jobId: 'before' });
    await eventually('the first job', async () => done.length === 1);
    await server.kill();
    await expect(queues.add(name, {}, { jobId: 'during' })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(queues.ping()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE', retryable: true });
    await server.restart();
    await eventually('the queue', async () => queues.add(name, {}, { jobId: 'after' }).then(() => true));
    await eventually('the job', async () => done.includes('after'), 60_000);
    await queues.ping();
  });
});

test('a worker whose first connection fails lets the process go on, and consumes once the server takes it', async () => {
  const server = await startPostgres();
  const { hostname, port } = new URL(server.url);
  let connections = 0;
  const proxy = createServer((socket) => {
    const refused = ++connections > 1 && connections < 12;
    socket.on('error', () => {});
    if (refused) return void socket.destroy();
    const upstream = connect(Number(port), hostname);
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const url = new URL(server.url);
  url.port = String((proxy.address() as AddressInfo).port);
  const queues = await openQueues({ queueUrl: url.href }, { url: url.href }, log);
  const done: string[] = [];
  queues.consume('refused', async (_payload, { jobId }) => {
    done.push(jobId);
    return null;
  });
  const direct = await openQueues({ queueUrl: server.url }, { url: server.url }, log);
  await direct.add('refused', {}, { jobId: 'one' });
  await eventually('the job', async () => done.length === 1, 60_000);
  expect(connections).toBeGreaterThan(11);
  await queues.close();
  await direct.close();
  proxy.close();
  await server.stop();
});
