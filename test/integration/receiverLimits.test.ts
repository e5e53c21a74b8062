/** Limits of the receiver: whoever takes too much, or too long, does not disturb the others. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startProgram } from '../support/processes.ts';
import { type Identity, plainCt } from '../support/rawDataset.ts';
import {
  associateRequest,
  CT,
  CT_CONTEXT,
  commentIn,
  connectRaw,
  EXPLICIT,
  echoCommand,
  pData,
  pdv,
  type RawPdu,
  type RawPeer,
  releaseRequest,
  statusIn,
  storeCommand,
  storeRequest,
} from '../support/rawPeer.ts';
import { startTestReceiver, type TestReceiver, type TestReceiverOptions } from '../support/testReceiver.ts';

let receiver: TestReceiver;
const sockets: Socket[] = [];
const start = async (env: Record<string, string> = {}, options: TestReceiverOptions = {}): Promise<number> => {
  receiver = await startTestReceiver(env, options);
  return receiver.port;
};
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await receiver?.close();
});

const [ONE_HOST, OTHER_HOST] = ['127.0.0.1', '127.0.0.2'];
const identity = (number: number): Identity => ({
  study: '1.2.3',
  series: '1.2.3.4',
  instance: `1.2.3.4.${number}`,
  sopClass: CT,
});
const store = (number: number, options: Parameters<typeof storeRequest>[2] & { pixelBytes?: number } = {}): Buffer =>
  storeRequest(identity(number).instance, plainCt(identity(number), options.pixelBytes), options);

async function peerFrom(localAddress: string, port = receiver.port): Promise<RawPeer> {
  const peer = await connectRaw(port, false, localAddress);
  sockets.push(peer.socket);
  return peer;
}
async function associatedFrom(localAddress: string): Promise<RawPeer> {
  const peer = await peerFrom(localAddress);
  expect((await peer.associate())?.type).toBe(2);
  return peer;
}
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const rejectionIn = ({ type, body }: RawPdu): number[] => [type, ...body.subarray(1)];

describe('memory is counted as it is used', () => {
  test('single bytes of datasets and commands in a small heap are held for what they are', async () => {
    const main = join(import.meta.dirname, '..', 'support', 'smallHeapReceiver.ts');
    const program = startProgram(process.execPath, ['--max-old-space-size=40', main]);
    try {
      await program.until(/listening on \d+/);
      const port = Number(/listening on (\d+)/.exec(program.output())?.[1]);
      const peers = await Promise.all(Array.from({ length: 4 }, () => peerFrom(ONE_HOST, port)));
      await Promise.all(peers.map((peer) => peer.associate()));
      for (const [number, peer] of peers.entries()) {
        const dataset = plainCt(identity(number), 250_000);
        peer.send(pData(pdv(1, 'command', true, storeCommand(identity(number).instance))));
        peer.send(inSingleBytes(dataset.subarray(0, -2)), pData(pdv(1, 'data', true, dataset.subarray(-2))));
      }
      const statuses = await Promise.all(peers.map(async (peer) => statusIn(await peer.response())));
      expect(statuses).toEqual(peers.map(() => 0));
      const endless = await Promise.all(Array.from({ length: 20 }, () => peerFrom(ONE_HOST, port)));
      await Promise.all(endless.map((peer) => peer.associate()));
      const command = inSingleBytes(Buffer.alloc(60_000), 'command');
      for (const peer of endless) peer.send(command);
      await Promise.all(endless.map(async ({ socket }) => socket.writableNeedDrain && once(socket, 'drain')));
      peers[0]!.send(pData(pdv(3, 'command', true, echoCommand())));
      expect(statusIn(await peers[0]!.response())).toBe(0);
    } finally {
      await program.kill();
    }
  });

  /** P-DATA-TFs of up to 10,000 PDVs with one byte each. */
  function inSingleBytes(bytes: Buffer, kind: 'data' | 'command' = 'data'): Buffer {
    const pdvs = Buffer.alloc(7 * bytes.length);
    for (const [index, byte] of bytes.entries()) {
      pdvs.writeUInt32BE(3, 7 * index);
      pdvs[7 * index + 4] = 1;
      pdvs[7 * index + 5] = kind === 'command' ? 1 : 0;
      pdvs[7 * index + 6] = byte;
    }
    const pdus = Array.from({ length: Math.ceil(bytes.length / 10_000) }, (_, index) =>
      pData(pdvs.subarray(index * 70_000, (index + 1) * 70_000)),
    );
    return Buffer.concat(pdus);
  }

  test('what is half received is counted, and nothing is left when its peer is gone', async () => {
    await start();
    const peers = await Promise.all(Array.from({ length: 5 }, () => associatedFrom(ONE_HOST)));
    for (const peer of peers) peer.send(Buffer.from([4, 0, 0, 1, 0xff, 0xf0]), Buffer.alloc(60_000));
    const asking = await peerFrom(ONE_HOST);
    asking.send(Buffer.from([1, 0, 0, 3, 0, 0]), Buffer.alloc(100_000));
    await until(() => receiver.heldBytes() >= 400_000);
    for (const { socket } of [...peers, asking]) socket.destroy();
    await until(() => receiver.heldBytes() === 0);
  });

  test('of many requests in one PDU no more are under way than may be pending', async () => {
    let [active, most] = [0, 0];
    const beforeStore = async (_request: StoreRequest): Promise<void> => {
      most = Math.max(most, ++active);
      await new Promise((resolve) => setImmediate(resolve));
      active--;
    };
    await start({}, { beforeStore });
    const peer = await associatedFrom(ONE_HOST);
    const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
    peer.send(
      pData(
        ...numbers.flatMap((number) => [
          pdv(1, 'command', true, storeCommand(identity(number).instance, { messageId: number })),
          pdv(1, 'data', true, plainCt(identity(number), 10)),
        ]),
      ),
    );
    const statuses = [];
    for (const _ of numbers) statuses.push(statusIn(await peer.response()));
    expect(statuses).toEqual(numbers.map(() => 0));
    expect(most).toBeLessThanOrEqual(16);
  });
});

describe('an instance must make progress', () => {
  const drip = (peer: RawPeer): void => {
    const timer = setInterval(() => peer.send(pData(pdv(1, 'data', false, Buffer.alloc(2)))), 50);
    peer.socket.on('close', () => clearInterval(timer));
  };

  test('who drips while others wait for memory goes first, and the others are stored', async () => {
    await start({ ICHOR_MAX_MEMORY_BYTES: '2000000', ICHOR_IDLE_TIMEOUT_MS: '12000' });
    const holder = await associatedFrom(ONE_HOST);
    const dataset = plainCt(identity(1), 1_500_000);
    holder.send(storeRequest(identity(1).instance, dataset).subarray(0, -1_000));
    await until(() => receiver.heldBytes() > 1_200_000);
    drip(holder);
    const others = await Promise.all([2, 3, 4].map(() => associatedFrom(ONE_HOST)));
    const statuses = others.map(async (peer, index) => {
      peer.send(store(index + 2, { pixelBytes: 400_000 }));
      return statusIn(await peer.response());
    });
    expect(await Promise.all(statuses)).toEqual([0, 0, 0]);
    expect(receiver.aborted).toEqual(['its dataset came too slowly while others waited for memory']);
    expect(receiver.refused).toEqual([
      expect.objectContaining({ code: 'INSTANCE_BROKEN_OFF', sopInstanceUid: identity(1).instance }),
    ]);
  });

  test('who drips is broken off after the idle timeout, though complete PDUs keep coming', async () => {
    await start({ ICHOR_IDLE_TIMEOUT_MS: '400' });
    const peer = await associatedFrom(ONE_HOST);
    peer.send(pData(pdv(1, 'command', true, storeCommand(identity(1).instance))));
    drip(peer);
    await peer.closed();
    expect(receiver.aborted).toEqual(['its dataset came too slowly']);
  });

  test('PDVs without content are no progress', async () => {
    await start({ ICHOR_IDLE_TIMEOUT_MS: '400' });
    const peer = await associatedFrom(ONE_HOST);
    peer.send(pData(pdv(1, 'command', true, storeCommand(identity(1).instance))));
    const nothing = pData(...Array.from({ length: 1_000 }, () => pdv(1, 'data', false, Buffer.alloc(0))));
    const timer = setInterval(() => peer.send(nothing), 20);
    await peer.closed();
    clearInterval(timer);
    expect(receiver.aborted).toEqual(['its dataset came too slowly']);
  });
});

describe('one host cannot lock out the others, nor itself', () => {
  const silent = async (count: number): Promise<void> => {
    for (let number = 0; number < count; number++) {
      const socket = connect({ port: receiver.port, host: '127.0.0.1', localAddress: ONE_HOST });
      socket.on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
    }
  };

  test('400 silent connections of one host leave room for another one and for itself', async () => {
    await start();
    await silent(400);
    for (const host of [OTHER_HOST, ONE_HOST]) {
      const peer = await associatedFrom(host);
      peer.send(pData(pdv(3, 'command', true, echoCommand())));
      expect(statusIn(await peer.response())).toBe(0);
    }
    expect(receiver.aborted.length).toBeGreaterThanOrEqual(400 - 32);
    expect(new Set(receiver.aborted)).toEqual(
      new Set(['too many connections without an association, and it was the oldest']),
    );
  });

  test('established associations are pushed out by nobody', async () => {
    await start({ ICHOR_MAX_UNASSOCIATED_PER_ADDRESS: '2' });
    const peers = [await associatedFrom(ONE_HOST), await associatedFrom(ONE_HOST), await associatedFrom(ONE_HOST)];
    await silent(20);
    for (const peer of peers) {
      peer.send(pData(pdv(3, 'command', true, echoCommand())));
      expect(statusIn(await peer.response())).toBe(0);
    }
  });

  test('connections that were rejected and stay open count too', async () => {
    await start({ ICHOR_MAX_UNASSOCIATED_PER_ADDRESS: '3' });
    for (let number = 0; number < 10; number++) {
      const peer = await connectRaw(receiver.port, true);
      sockets.push(peer.socket);
      expect((await peer.associate({ called: 'OTHER' }))?.type).toBe(3);
    }
    await until(() => {
      for (const socket of sockets) socket.write(Buffer.of(0));
      return sockets.filter((socket) => socket.destroyed).length >= 6;
    });
    await associatedFrom(ONE_HOST);
  });

  test('associations from one address have a limit; one more is rejected for the moment, another host is served', async () => {
    await start({ ICHOR_MAX_ASSOCIATIONS_PER_ADDRESS: '2' });
    const first = await associatedFrom(ONE_HOST);
    await associatedFrom(ONE_HOST);
    expect(rejectionIn((await (await peerFrom(ONE_HOST)).associate())!)).toEqual([3, 2, 3, 2]);
    await associatedFrom(OTHER_HOST);
    first.send(releaseRequest());
    await first.closed();
    await associatedFrom(ONE_HOST);
    expect(receiver.rejected).toEqual(['local limit of associations from one address exceeded']);
  });
});

describe('an A-ASSOCIATE-RQ of any size that a peer may need', () => {
  const contexts = (transferSyntaxes: number) =>
    Array.from({ length: 128 }, (_, index) => ({
      ...CT_CONTEXT,
      id: 2 * index + 1,
      transferSyntaxes: [
        ...Array.from({ length: transferSyntaxes - 1 }, (_, number) => `1.2.840.10008.1.2.4.${1_000 + number}`),
        EXPLICIT,
      ],
    }));

  test('128 presentation contexts of 60 transfer syntaxes are accepted', async () => {
    await start();
    const request = { contexts: contexts(60) };
    expect(associateRequest(request).length).toBeGreaterThan(200_000);
    const peer = await peerFrom(ONE_HOST);
    expect((await peer.associate(request))?.type).toBe(2);
    peer.send(store(1, { contextId: 255 }));
    expect(statusIn(await peer.response())).toBe(0);
  });

  test.each([
    ['longer than 256 KB', { contexts: contexts(90) }, /^an A-ASSOCIATE-RQ of \d+ bytes exceeds 262144$/],
    ['with one context twice', { contexts: [CT_CONTEXT, CT_CONTEXT] }, /^presentation context 1 is proposed twice$/],
  ])('%s it is rejected with a plain sentence', async (_name, request, reason) => {
    await start();
    const peer = await peerFrom(ONE_HOST);
    expect(rejectionIn((await peer.associate({ ...request, calling: 'BIGPEER' }))!)).toEqual([3, 1, 2, 1]);
    await peer.closed();
    expect(receiver.aborted).toEqual([expect.stringMatching(reason)]);
    expect(receiver.abortedPeers).toEqual([{ remoteAddress: ONE_HOST, callingAeTitle: 'BIGPEER' }]);
  });
});

describe('responses respect the maximum PDU length of the peer', () => {
  async function refusedBy(maxPduLength: number): Promise<{ pdus: RawPdu[]; command: Buffer }> {
    await start();
    const peer = await peerFrom(ONE_HOST);
    expect((await peer.associate({ maxPduLength }))?.type).toBe(2);
    peer.send(storeRequest(identity(1).instance, plainCt(identity(2))));
    const [pdus, values]: [RawPdu[], Buffer[]] = [[], []];
    for (let isLast = false; !isLast; ) {
      const pdu = (await peer.next())!;
      pdus.push(pdu);
      values.push(pdu.body.subarray(6));
      isLast = (pdu.body[5]! & 2) !== 0;
    }
    return { pdus, command: Buffer.concat(values) };
  }

  test.each([8, 16, 17, 128, 16_384])('%s bytes', async (maxPduLength) => {
    const { pdus, command } = await refusedBy(maxPduLength);
    expect(Math.max(...pdus.map(({ body }) => body.length))).toBeLessThanOrEqual(maxPduLength);
    expect(pdus.length > 1).toBe(maxPduLength < 1_000);
    expect(command.readUInt32LE(8)).toBe(command.length - 12);
  });

  test('0 is no limit', async () => {
    expect((await refusedBy(0)).pdus).toHaveLength(1);
  });

  test('a length into which nothing fits is rejected', async () => {
    await start();
    const peer = await peerFrom(ONE_HOST);
    expect(rejectionIn((await peer.associate({ maxPduLength: 7 }))!)).toEqual([3, 1, 1, 1]);
    expect(receiver.rejected).toEqual(['its maximum PDU length holds no response']);
  });
});

test('the comment of a refusal is its reason', async () => {
  await start({ ICHOR_MAX_INSTANCE_BYTES: '50000' });
  const peer = await associatedFrom(ONE_HOST);
  const commentOf = async (request: Buffer): Promise<string | undefined> => {
    peer.send(request);
    return commentIn(await peer.response());
  };
  expect(await commentOf(storeRequest(identity(1).instance, plainCt(identity(2))))).toBe(
    'SOP Instance UID: dataset and command differ',
  );
  expect(await commentOf(store(1, { pixelBytes: 60_000 }))).toBe('larger than 50000 bytes');
  expect(await commentOf(storeRequest(identity(1).instance, plainCt({ ...identity(1), study: '../../etc' })))).toBe(
    'Study Instance UID is no valid UID: ../../etc',
  );
});
