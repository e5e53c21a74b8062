/** An archive that answers associations as the standard wants, except for what is changed in its answers. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { commandElements, commandSet } from '../../support/rawPeer.ts';
import type { Dice } from '../dice.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { mutatePdus } from './mutatePdus.ts';
import { bytesOf, type WirePdu } from './wire.ts';

export type HostilePacs = {
  readonly port: number;
  /** @param write a sound answer → what is sent in its place */
  prepare(write: (sound: WirePdu) => Buffer): void;
  /** Everything that it sent since then. */
  sent(): Buffer;
  close(): Promise<void>;
};

const [ASSOCIATE, DATA, RELEASE] = [1, 4, 5];
const NO_DATASET = 0x0101;

export async function startHostilePacs(): Promise<HostilePacs> {
  let write = soundly;
  let sent: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    serve(socket, (pdu) => {
      const bytes = write(pdu);
      sent.push(bytes);
      socket.write(bytes);
      if (bytes.length === 0) socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    prepare(next) {
      [write, sent] = [next, []];
    },
    sent: () => Buffer.concat(sent),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** As the standard wants. */
export const soundly = (pdu: WirePdu): Buffer => bytesOf([pdu]);

/** Changed by the dice; no bytes: the connection is cut. */
export const changedBy =
  (dice: Dice) =>
  (pdu: WirePdu): Buffer => {
    if (dice.chance(0.05)) return Buffer.alloc(0);
    if (dice.chance(0.4)) return soundly(pdu);
    const changed = bytesOf(mutatePdus([pdu], dice));
    return dice.chance(0.2) ? mutateBytes(changed, dice) : changed;
  };

/** Reads requests and gives each its sound answer. */
function serve(socket: Socket, answer: (pdu: WirePdu) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  let awaiting: { contextId: number; elements: ReadonlyMap<number, Buffer> } | null = null;
  const readPdv = (one: Buffer): void => {
    const [contextId, flags] = [one[4]!, one[5]!];
    if ((flags & 2) === 0) return;
    if ((flags & 1) === 1) awaiting = { contextId, elements: commandElements(one.subarray(6)) };
    if (awaiting === null) return;
    if ((flags & 1) === 1 && awaiting.elements.get(0x0800)?.readUInt16LE() !== NO_DATASET) return;
    answer(responseTo(awaiting.contextId, awaiting.elements));
    awaiting = null;
  };
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    while (bytes.length >= 6 && bytes.length >= 6 + bytes.readUInt32BE(2)) {
      const [type, body] = [bytes[0]!, bytes.subarray(6, 6 + bytes.readUInt32BE(2))];
      bytes = bytes.subarray(6 + body.length);
      if (type === ASSOCIATE) answer(acceptanceOf(body));
      else if (type === RELEASE) answer({ type: 6, content: Buffer.alloc(4) });
      else if (type === DATA)
        for (let at = 0; at + 6 <= body.length; at += 4 + body.readUInt32BE(at))
          readPdv(body.subarray(at, at + 4 + body.readUInt32BE(at)));
    }
  });
}

/** Success for what was asked (PS3.7 §9.3): the Command Field of a response is that of the request with its highest bit set. */
function responseTo(contextId: number, elements: ReadonlyMap<number, Buffer>): WirePdu {
  const number = (element: number): number => elements.get(element)?.readUInt16LE() ?? 0;
  const uid = (element: number): string => (elements.get(element)?.toString('latin1') ?? '').replace(/\0$/, '');
  const value = commandSet({
    2: uid(0x0002) || uid(0x0003),
    256: number(0x0100) | 0x8000,
    288: number(0x0110),
    2048: NO_DATASET,
    2304: 0,
    ...(uid(0x1000) === '' ? {} : { 4096: uid(0x1000) }),
  });
  return { type: DATA, content: [{ contextId, isCommand: true, isLast: true, value }] };
}

/** Accepts every presentation context in its first transfer syntax (PS3.8 §9.3.3). */
function acceptanceOf(request: Buffer): WirePdu {
  const parts: Buffer[] = [request.subarray(0, 68)];
  for (let at = 68; at + 4 <= request.length; at += 4 + request.readUInt16BE(at + 2)) {
    const item = request.subarray(at, at + 4 + request.readUInt16BE(at + 2));
    parts.push(item[0] === 0x20 ? acceptedContext(item) : item);
  }
  return { type: 2, content: Buffer.concat(parts) };
}

function acceptedContext(item: Buffer): Buffer {
  const syntaxes = item.subarray(8);
  const at = 4 + syntaxes.readUInt16BE(2);
  const transferSyntax = syntaxes.subarray(at, at + 4 + syntaxes.readUInt16BE(at + 2));
  const head = Buffer.from([0x21, 0, 0, 0, item[4]!, 0, 0, 0]);
  head.writeUInt16BE(4 + transferSyntax.length, 2);
  return Buffer.concat([head, transferSyntax]);
}
