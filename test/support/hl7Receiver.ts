/** An HL7 v2 receiver that keeps what it took, drops what it has already, and misbehaves as told. No code of Ichor. */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** One answer to one message; null: none. */
export type Behaviour = (message: Taken, nth: number) => Answer;
export type Answer =
  | 'AA'
  | 'CA'
  | 'AE'
  | 'CE'
  | 'AR'
  | 'CR'
  | 'hang'
  | 'garbage'
  | 'other message'
  | 'close'
  | 'lost ACK'
  | 'in pieces'
  | 'several';
export type Taken = { readonly controlId: string; readonly text: string; readonly studyInstanceUid: string };

export type Hl7Receiver = {
  readonly port: number;
  /** Every message that arrived, repeats too. */
  readonly arrived: Taken[];
  /** What was processed, once for each control ID, in that order. */
  readonly processed: Taken[];
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
};

export async function startHl7Receiver(
  port = 0,
  tls: { readonly key: Buffer; readonly cert: Buffer } | null = null,
): Promise<Hl7Receiver> {
  const arrived: Taken[] = [];
  const processed: Taken[] = [];
  let behaviour: Behaviour = () => 'AA';
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let bytes = Buffer.alloc(0);
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      const end = bytes.indexOf('\x1c\r');
      if (end < 0) return;
      const taken = read(bytes.subarray(1, end).toString('utf8'));
      bytes = bytes.subarray(end + 2);
      arrived.push(taken);
      const answer = behaviour(taken, arrived.length);
      const takes = ['AA', 'CA', 'lost ACK', 'in pieces', 'several'].includes(answer);
      if (takes && !processed.some(({ controlId }) => controlId === taken.controlId)) processed.push(taken);
      reply(socket, answer, taken.controlId);
    });
  };
  const server: Server = tls === null ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    arrived,
    processed,
    behave: (next) => {
      behaviour = next;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const ack = (code: string, controlId: string): string =>
  `\x0bMSH|^~\\&|RIS||ICHOR||20240101||ACK|X|P|2.5.1\rMSA|${code}|${controlId}|for DOE^JANE\r\x1c\r`;

function reply(socket: Socket, answer: Answer, controlId: string): void {
  if (answer === 'hang') return;
  if (answer === 'garbage') return void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n\x0bnonsense\x1c\r');
  if (answer === 'other message') return void socket.write(ack('AA', 'OTHER'));
  if (answer === 'close' || answer === 'lost ACK') return void socket.destroy();
  if (answer === 'several') return void socket.write(ack('AA', 'OTHER') + ack('CA', controlId) + ack('AA', controlId));
  if (answer !== 'in pieces') return void socket.write(ack(answer, controlId));
  const whole = ack('AA', controlId);
  socket.write(whole.slice(0, 40));
  setTimeout(() => socket.write(whole.slice(40, 60)), 20);
  setTimeout(() => socket.write(whole.slice(60)), 40);
}

function read(text: string): Taken {
  const segments = text.split('\r').map((line) => line.split('|'));
  const uid = segments.find(([name, , , code]) => name === 'OBX' && code?.startsWith('113014^'))?.[5];
  return { text, controlId: segments[0]?.[9] ?? '', studyInstanceUid: uid ?? '' };
}
