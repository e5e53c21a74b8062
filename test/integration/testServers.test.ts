/** The servers that tests start: another process may take a port between its choice and the start. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort, onFreePort } from '../support/ichor.ts';
import { startPostgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';

let other: Server;
let taken: number;
beforeAll(async () => {
  other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  taken = (other.address() as { port: number }).port;
});
afterAll(() => void other.close());

test.each([
  ['PostgreSQL', (choose: () => Promise<number>) => startPostgres(undefined, choose)],
  ['Redis', startRedis],
])('%s starts on another port when the first is taken', async (_name, start) => {
  const second = await freePort();
  const ports = [taken, second];
  const server = await start(async () => ports.shift() ?? freePort());
  try {
    expect(Number(new URL(server.url).port)).not.toBe(taken);
    await server.kill();
    await server.restart();
  } finally {
    await server.stop();
  }
});

test('what is not the fault of the port is told at once', async () => {
  let tries = 0;
  const start = async (): Promise<never> => {
    tries++;
    throw new Error('no such program');
  };
  await expect(onFreePort(start)).rejects.toThrow('no such program');
  expect(tries).toBe(1);
});
