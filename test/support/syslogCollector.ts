/** A syslog collector (RFC 5424 over RFC 5426, 6587 or 5425) that keeps what it gets. Independent of Ichor's own code. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export type Received = { readonly header: string; readonly xml: string };
export type SyslogServer = { readonly received: Received[]; stop(): Promise<void> };

/** @param tls PEM key and certificate */
export async function startStreamCollector(
  port: number,
  tls?: { readonly key: string; readonly cert: string },
): Promise<SyslogServer> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const take = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let pending: Buffer = Buffer.alloc(0);
    socket.on('data', (data) => {
      pending = Buffer.concat([pending, data]);
      for (let frame = nextFrame(pending); frame !== null; frame = nextFrame(pending)) {
        received.push(parse(frame.message));
        pending = frame.rest;
      }
    });
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    received,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export async function startDatagramCollector(port: number): Promise<SyslogServer> {
  const received: Received[] = [];
  const socket = createSocket('udp4', (message) => received.push(parse(message)));
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    received,
    async stop() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Octet counting: "123 <85>1 …" */
function nextFrame(bytes: Buffer): { message: Buffer; rest: Buffer } | null {
  const space = bytes.indexOf(' ');
  if (space < 1) return null;
  const end = space + 1 + Number(bytes.subarray(0, space).toString());
  return bytes.length < end ? null : { message: bytes.subarray(space + 1, end), rest: bytes.subarray(end) };
}

/** Header fields are separated by one space each; the text after `STRUCTURED-DATA` begins with a byte order mark. */
function parse(message: Buffer): Received {
  const [, header, xml] = /^((?:\S+ ){6}-) \ufeff(.*)$/s.exec(message.toString()) ?? [];
  if (header === undefined || xml === undefined) throw new Error(`no RFC 5424 message: ${message}`);
  return { header, xml };
}
