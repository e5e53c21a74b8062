/** A server that takes what comes and answers with prepared bytes. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Reply } from './acknowledgements.ts';

export type HostileReceiver = {
  readonly port: number;
  /** @param controlId of the message that is kept; others are not */
  prepare(reply: Reply, controlId: string): void;
  received(): string;
  close(): Promise<void>;
};

export async function startHostileReceiver(): Promise<HostileReceiver> {
  let [reply, wanted, text]: [Reply | null, string, string] = [null, '', ''];
  const server = createServer((socket) => {
    const pieces: Buffer[] = [];
    const answer = reply;
    socket.on('error', () => {});
    socket.on('data', async (data) => {
      pieces.push(data);
      const bytes = Buffer.concat(pieces);
      if (!bytes.includes('\x1c\r') || answer === null) return;
      if (bytes.includes(`|${wanted}|`)) text = bytes.toString('utf8', 1, bytes.length - 2);
      for (let at = 0; at < answer.bytes.length && !socket.destroyed; at += answer.pieceBytes) {
        socket.write(answer.bytes.subarray(at, at + answer.pieceBytes));
        if (answer.pieceBytes < answer.bytes.length) await new Promise(setImmediate);
      }
      if (answer.end === 'close') socket.end();
      else if (answer.end === 'reset') socket.resetAndDestroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    prepare(next, controlId) {
      [reply, wanted, text] = [next, controlId, ''];
    },
    received: () => text,
    async close() {
      server.close();
      await once(server, 'close');
    },
  };
}
