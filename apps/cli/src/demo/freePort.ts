/** Ports for the demo. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** The port if nobody has it, else any free one. */
export async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      const { port: found } = server.address() as { port: number };
      server.close();
      await once(server, 'close');
      return found;
    } catch {
      // Taken: the next one.
    }
  }
  throw new Error('no free port on 127.0.0.1');
}
