/** Debian's Redis server on a free port, in a folder of its own. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, onFreePort } from './ichor.ts';
import { requirePeer } from './peers.ts';
import { type Program, startProgram } from './processes.ts';
import { openWorkFolder } from './workFolder.ts';

export type RedisServer = {
  readonly url: string;
  /** Ends the server as a power cut does. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what was synced to disk. */
  restart(): Promise<void>;
  /** Forgets everything, as after a restore from an old copy. */
  flush(): Promise<void>;
  stop(): Promise<void>;
};

/** @param choosePort gives a port to try */
export async function startRedis(choosePort = freePort): Promise<RedisServer> {
  const folder = await openWorkFolder('redis');
  const start = async (port: number): Promise<Program> => {
    const server = startProgram(requirePeer('redis-server'), argumentsFor(port, folder.path));
    await server.until(/Ready to accept connections/);
    return server;
  };
  let { port, server } = await onFreePort(async (free) => ({ port: free, server: await start(free) }), choosePort);
  return {
    url: `redis://127.0.0.1:${port}/0`,
    kill: () => server.kill('SIGKILL'),
    async restart() {
      server = await start(port);
    },
    async flush() {
      const socket = connect(port, '127.0.0.1').end('FLUSHALL\r\n');
      await once(socket.resume(), 'end');
    },
    async stop() {
      await server.kill();
      await folder.remove();
    },
  };
}

const argumentsFor = (port: number, dir: string): string[] => [
  ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--dbfilename', 'dump.rdb'],
  ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction'],
  ...['--logfile', '', '--pidfile', join(dir, 'redis.pid')],
];
