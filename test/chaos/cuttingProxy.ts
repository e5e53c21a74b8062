/** A TCP proxy that cuts connections, or lets nothing through any more, as a broken network does. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type CuttingProxy = {
  readonly port: number;
  /** Ends every connection, and each new one at once. */
  cut(): void;
  /** Connections stay, new ones are taken, and nothing moves. */
  silence(): void;
  /** What waited goes on. */
  heal(): void;
  close(): void;
};
type Pair = { readonly client: Socket; readonly target: Socket };

/** @param onSent is given everything that a client sent, once its connection is over */
export async function startCuttingProxy(
  targetPort: number,
  onSent: ((stream: Buffer) => void) | null = null,
): Promise<CuttingProxy> {
  const pairs = new Set<Pair>();
  let state: 'open' | 'cut' | 'silent' = 'open';
  const join = ({ client, target }: Pair): void => void client.pipe(target).pipe(client);
  const part = ({ client, target }: Pair): void => {
    client.unpipe(target).pause();
    target.unpipe(client).pause();
  };
  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy();
    const pair = { client, target: connect(targetPort, '127.0.0.1') };
    const sent: Buffer[] = [];
    if (onSent !== null) client.on('data', (bytes) => sent.push(bytes));
    pairs.add(pair);
    for (const [one, other] of [
      [client, pair.target],
      [pair.target, client],
    ] as const) {
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
    client.on('close', () => {
      pairs.delete(pair);
      onSent?.(Buffer.concat(sent));
    });
    if (state === 'silent') part(pair);
    else join(pair);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroyAll = (): void => {
    for (const { client, target } of pairs) for (const socket of [client, target]) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut() {
      state = 'cut';
      destroyAll();
    },
    silence() {
      state = 'silent';
      for (const pair of pairs) part(pair);
    },
    heal() {
      if (state === 'silent') for (const pair of pairs) join(pair);
      state = 'open';
    },
    close() {
      destroyAll();
      server.close();
    },
  };
}
