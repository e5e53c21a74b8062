/** Defects that dcmjs-dimse's stock server has, one named test each, against the receiver's real socket. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { StoreRequest } from '@ichor/dimse/acceptor/storeRequest';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Identity, plainCt } from '../support/rawDataset.ts';
import {
  abortRequest,
  acceptedContexts,
  CT,
  CT_CONTEXT,
  connectRaw,
  EXPLICIT,
  echoCommand,
  IMPLICIT,
  pData,
  pdu,
  pdv,
  type RawPeer,
  releaseRequest,
  statusIn,
  storeCommand,
  storeRequest,
  VERIFICATION,
} from '../support/rawPeer.ts';
import { startTestReceiver, type TestReceiver, type TestReceiverOptions } from '../support/testReceiver.ts';

let receiver: TestReceiver;
const start = async (env: Record<string, string> = {}, options: TestReceiverOptions = {}): Promise<number> => {
  receiver = await startTestReceiver(env, options);
  return receiver.port;
};
afterEach(() => receiver.close());

const identity = (number: number): Identity => ({
  study: '1.2.3',
  series: '1.2.3.4',
  instance: `1.2.3.4.${number}`,
  sopClass: CT,
});
const store = (number: number, options: Parameters<typeof storeRequest>[2] & { pixelBytes?: number } = {}): Buffer =>
  storeRequest(identity(number).instance, plainCt(identity(number), options.pixelBytes), options);

/** The first PDUs of a stream. */
function firstPdus(bytes: Buffer, count: number): Buffer {
  let end = 0;
  for (let number = 0; number < count; number++) end += 6 + bytes.readUInt32BE(end + 2);
  return bytes.subarray(0, end);
}

/** A handler that waits until it is let go. */
function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open: () => open(), beforeStore: async (_request: StoreRequest) => opened };
}

test('P-DATA after a rejected association stores nothing, and the connection is closed', async () => {
  const peer = await connectRaw(await start({ ICHOR_ARTIM_MS: '300' }));
  expect((await peer.associate({ called: 'SOMEONE' }))?.type).toBe(3);
  peer.send(store(1));
  await peer.closed();
  expect(receiver.stored).toEqual([]);
  expect(receiver.rejected).toEqual(['called AE title not recognised']);
});

test('P-DATA sent together with a request that is rejected stores nothing', async () => {
  const peer = await connectRaw(await start({ ICHOR_ARTIM_MS: '300' }));
  const rejected = peer.associate({ called: 'SOMEONE' });
  peer.send(store(1));
  expect((await rejected)?.type).toBe(3);
  await peer.closed();
  expect(receiver.stored).toEqual([]);
});

test.each([
  { pdvBytes: 1_000, perPdu: 7 },
  { pdvBytes: 20_000, perPdu: 6 },
  { pdvBytes: 60_002, perPdu: 2 },
  { pdvBytes: 131_060, perPdu: 1 },
])('several PDVs in one PDU ($perPdu of $pdvBytes bytes) are stored byte for byte', async (shape) => {
  const peer = await connectRaw(await start());
  await peer.associate();
  peer.send(store(1, { ...shape, pixelBytes: 400_000 }));
  expect(statusIn(await peer.response())).toBe(0);
  const file = await readFile(receiver.stored[0]!.path);
  const dataset = plainCt(identity(1), 400_000);
  expect(file.subarray(file.length - dataset.length).equals(dataset)).toBe(true);
});

test('command and dataset in one PDU, and two commands in one PDU, are all answered', async () => {
  const peer = await connectRaw(await start());
  await peer.associate();
  peer.send(
    pData(
      pdv(1, 'command', true, storeCommand(identity(1).instance)),
      pdv(1, 'data', true, plainCt(identity(1))),
      pdv(3, 'command', true, echoCommand(2)),
      pdv(3, 'command', true, echoCommand(3)),
    ),
  );
  const answered = [await peer.response(), await peer.response(), await peer.response()];
  expect(answered.map((one) => one.get(0x0120)!.readUInt16LE()).sort()).toEqual([1, 2, 3]);
  expect(answered.map(statusIn)).toEqual([0, 0, 0]);
});

describe('a peer that does not speak DICOM is closed at once', () => {
  test.each([
    ['garbage bytes', Buffer.from('GET / HTTP/1.1\r\nHost: ichor\r\n\r\n')],
    ['P-DATA before any association', pData(pdv(1, 'command', true, echoCommand()))],
    ['A-RELEASE-RQ before any association', releaseRequest()],
    ['A-ABORT before any association', abortRequest()],
    ['a PDU that announces 4 GB', Buffer.from([1, 0, 0xff, 0xff, 0xff, 0xff])],
    ['an A-ASSOCIATE-RQ that announces more than 256 KB', Buffer.from([1, 0, 0, 4, 0, 1])],
    [
      'an A-ASSOCIATE-RQ whose items end beyond it',
      pdu(1, Buffer.concat([Buffer.alloc(68, 32), Buffer.from([0x20, 0, 0xff, 0xff])])),
    ],
    ['an A-ASSOCIATE-RQ that is too short', pdu(1, Buffer.alloc(10))],
  ])('%s', async (_name, bytes) => {
    const peer = await connectRaw(await start());
    peer.send(bytes);
    await peer.closed();
    expect(receiver.stored).toEqual([]);
    expect(receiver.aborted).toHaveLength(1);
  });
});

describe('an association that breaks a rule gets A-ABORT and is closed', () => {
  test.each([
    ['a P-DATA-TF that announces 4 GB', Buffer.from([4, 0, 0xff, 0xff, 0xff, 0xff])],
    ['a second A-ASSOCIATE-RQ', pdu(1, Buffer.alloc(68))],
    ['a PDV that is longer than its PDU', pdu(4, Buffer.from([0, 0, 1, 0, 1, 3, 0, 0]))],
    ['a PDV of length zero', pdu(4, Buffer.from([0, 0, 0, 0]))],
    ['a dataset without a command', pData(pdv(1, 'data', true, plainCt(identity(1))))],
    ['a presentation context that was not accepted', pData(pdv(99, 'command', true, echoCommand()))],
    ['a command that is none', pData(pdv(1, 'command', true, Buffer.from('this is no command set')))],
    [
      'an endless command',
      Buffer.concat(Array.from({ length: 5 }, () => pData(pdv(1, 'command', false, Buffer.alloc(16_384))))),
    ],
  ])('%s', async (_name, bytes) => {
    const peer = await connectRaw(await start());
    expect((await peer.associate())?.type).toBe(2);
    peer.send(bytes);
    expect((await peer.next())?.type).toBe(7);
    peer.socket.end();
    await peer.closed();
    expect(receiver.stored).toEqual([]);
  });
});

test('a slow-loris that drips bytes is closed by ARTIM', async () => {
  const peer = await connectRaw(await start({ ICHOR_ARTIM_MS: '400' }));
  const drip = setInterval(() => peer.socket.write(Buffer.from([1])), 50);
  peer.send(Buffer.from([1, 0, 0, 0, 200]));
  await peer.closed();
  clearInterval(drip);
  expect(receiver.aborted).toEqual(['no A-ASSOCIATE-RQ within the ARTIM time']);
});

test('a peer that keeps the connection open after our last word is closed by ARTIM, though it goes on sending', async () => {
  const peer = await connectRaw(await start({ ICHOR_ARTIM_MS: '400' }), true);
  await peer.associate();
  peer.send(releaseRequest());
  expect((await peer.next())?.type).toBe(6);
  const drip = setInterval(() => peer.socket.write(Buffer.from([0])), 50);
  await peer.closed();
  clearInterval(drip);
  expect(receiver.aborted).toEqual([]);
});

test('an idle association is aborted, and what comes later is not stored', async () => {
  const peer = await connectRaw(await start({ ICHOR_IDLE_TIMEOUT_MS: '300', ICHOR_ARTIM_MS: '500' }));
  await peer.associate();
  expect((await peer.next())?.type).toBe(7);
  peer.send(store(1));
  await peer.closed();
  expect(receiver.stored).toEqual([]);
  expect(receiver.aborted).toEqual(['idle for too long']);
});

test('single bytes of a PDU that never ends do not keep an association alive', async () => {
  const peer = await connectRaw(await start({ ICHOR_IDLE_TIMEOUT_MS: '300', ICHOR_ARTIM_MS: '300' }));
  await peer.associate();
  peer.send(Buffer.from([4, 0, 0, 1, 0, 0]));
  const drip = setInterval(() => peer.socket.write(Buffer.from([0])), 50);
  expect((await peer.next())?.type).toBe(7);
  clearInterval(drip);
  await peer.closed();
});

test('the idle timer rests while an instance is being stored', async () => {
  const slow = gate();
  const peer = await connectRaw(await start({ ICHOR_IDLE_TIMEOUT_MS: '150' }, slow));
  await peer.associate();
  peer.send(store(1));
  await new Promise((resolve) => setTimeout(resolve, 700));
  slow.open();
  expect(statusIn(await peer.response())).toBe(0);
  expect(receiver.aborted).toEqual([]);
});

test('a fault in the handler is answered with 0x0110, and the association goes on', async () => {
  let faults = 0;
  const beforeStore = async (): Promise<void> => {
    if (faults++ === 0) throw new TypeError('something nobody thought of');
  };
  const peer = await connectRaw(await start({}, { beforeStore }));
  await peer.associate();
  peer.send(store(1));
  expect(statusIn(await peer.response())).toBe(0x0110);
  peer.send(store(2));
  expect(statusIn(await peer.response())).toBe(0);
  expect(receiver.refused.map(({ code }) => code)).toEqual(['INTERNAL']);
});

test('a SOP Class that differs from the one of its presentation context is refused with 0xA900', async () => {
  const peer = await connectRaw(await start());
  await peer.associate();
  const sopClassUid = '1.2.840.10008.5.1.4.1.1.4';
  peer.send(storeRequest(identity(1).instance, plainCt({ ...identity(1), sopClass: sopClassUid }), { sopClassUid }));
  expect(statusIn(await peer.response())).toBe(0xa900);
  peer.send(store(2));
  expect(statusIn(await peer.response())).toBe(0);
});

test('a release that comes while an instance is being stored is answered after its response', async () => {
  const slow = gate();
  const peer = await connectRaw(await start({}, slow));
  await peer.associate();
  peer.send(store(1), releaseRequest());
  setTimeout(slow.open, 200);
  expect(statusIn(await peer.response())).toBe(0);
  expect((await peer.next())?.type).toBe(6);
  await peer.closed();
  expect(receiver.stored).toHaveLength(1);
});

test('descending presentation context ids are accepted', async () => {
  const peer = await connectRaw(await start());
  const contexts = [
    { id: 5, abstractSyntax: VERIFICATION, transferSyntaxes: [IMPLICIT] },
    { id: 3, abstractSyntax: '1.2.840.10008.5.1.4.1.2.2.1', transferSyntaxes: [IMPLICIT] },
    { id: 1, abstractSyntax: CT, transferSyntaxes: [EXPLICIT, IMPLICIT] },
  ];
  const accepted = acceptedContexts((await peer.associate({ contexts }))!);
  expect([...accepted]).toEqual([
    [5, { result: 0, transferSyntax: IMPLICIT }],
    [3, expect.objectContaining({ result: 3 })],
    [1, { result: 0, transferSyntax: EXPLICIT }],
  ]);
  peer.send(store(1));
  expect(statusIn(await peer.response())).toBe(0);
});

test('many C-ECHO on one association cost the same at the end as at the beginning', async () => {
  const peer = await connectRaw(await start());
  await peer.associate();
  const cpuOf = async (count: number): Promise<number> => {
    const before = process.cpuUsage();
    for (let messageId = 1; messageId <= count; messageId++) {
      peer.send(pData(pdv(3, 'command', true, echoCommand(messageId))));
      expect(statusIn(await peer.response())).toBe(0);
    }
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  await cpuOf(300);
  const early = await cpuOf(300);
  await cpuOf(3_000);
  const late = await cpuOf(300);
  /** Quadratic cost would be ten times as much. */
  expect(late).toBeLessThan(4 * early);
});

test('the first acceptable transfer syntax is chosen, not only the first proposed', async () => {
  const peer = await connectRaw(await start());
  const mpeg = '1.2.840.10008.1.2.4.102';
  const jpeg2000 = '1.2.840.10008.1.2.4.90';
  const accepted = acceptedContexts(
    (await peer.associate({
      contexts: [
        { ...CT_CONTEXT, id: 1, transferSyntaxes: [mpeg, EXPLICIT] },
        { ...CT_CONTEXT, id: 3, transferSyntaxes: [jpeg2000, EXPLICIT] },
        { ...CT_CONTEXT, id: 5, transferSyntaxes: [mpeg, '1.2.840.10008.1.2.4.50'] },
      ],
    }))!,
  );
  expect(accepted.get(1)).toEqual({ result: 0, transferSyntax: EXPLICIT });
  expect(accepted.get(3)).toEqual({ result: 0, transferSyntax: jpeg2000 });
  expect(accepted.get(5)?.result).toBe(4);
});

test('a peer that vanishes in the middle of an instance leaves nothing in the spool', async () => {
  const peer = await connectRaw(await start());
  await peer.associate();
  peer.send(store(1, { pixelBytes: 400_000 }).subarray(0, 200_000));
  peer.socket.resetAndDestroy();
  await peer.closed();
  const other = await connectRaw(receiver.port);
  await other.associate();
  other.send(store(2));
  expect(statusIn(await other.response())).toBe(0);
  const names = [];
  for await (const path of receiver.spool.scan()) names.push(path);
  expect(names).toEqual(['1.2.3/1.2.3.4/1.2.3.4.2.dcm']);
  expect(receiver.aborted).toEqual(['the connection was lost without a release']);
});

describe('an instance whose transfer breaks off is told, with what came of it', () => {
  test.each<[string, string, (peer: RawPeer) => void]>([
    ['the connection is lost', 'the connection was lost', ({ socket }) => socket.resetAndDestroy()],
    ['the peer sends A-ABORT', 'the peer sent A-ABORT', (peer) => peer.send(abortRequest())],
    [
      'the peer releases within it',
      'the peer released the association within it',
      (peer) => peer.send(releaseRequest()),
    ],
    ['the peer breaks a rule', 'PDU type 1 is out of place', (peer) => peer.send(pdu(1, Buffer.alloc(68)))],
    ['the peer falls silent', 'idle for too long', () => undefined],
  ])('%s', async (_name, reason, end) => {
    const peer = await connectRaw(await start(reason === 'idle for too long' ? { ICHOR_IDLE_TIMEOUT_MS: '1500' } : {}));
    await peer.associate({ calling: 'SCANNER' });
    peer.send(firstPdus(store(1, { pixelBytes: 400_000 }), 10));
    while (receiver.heldBytes() < 100_000) await new Promise((resolve) => setTimeout(resolve, 5));
    end(peer);
    await peer.closed();
    while (receiver.refused.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(receiver.refused).toEqual([
      expect.objectContaining({
        code: 'INSTANCE_BROKEN_OFF',
        message: expect.stringContaining(reason),
        sopClassUid: CT,
        sopInstanceUid: identity(1).instance,
        callingAeTitle: 'SCANNER',
      }),
    ]);
    const { head } = receiver.refused[0]!;
    expect(head.length).toBeGreaterThan(100_000);
    expect(head.equals(plainCt(identity(1), 400_000).subarray(0, head.length))).toBe(true);
    expect(receiver.heldBytes()).toBe(0);
  });

  test('also one of which only the command came; what was answered before is not told again', async () => {
    const peer = await connectRaw(await start());
    await peer.associate();
    peer.send(store(1));
    expect(statusIn(await peer.response())).toBe(0);
    peer.send(pData(pdv(1, 'command', true, storeCommand(identity(2).instance))), abortRequest());
    await peer.closed();
    expect(receiver.refused.map(({ code, sopInstanceUid, head }) => [code, sopInstanceUid, head.length])).toEqual([
      ['INSTANCE_BROKEN_OFF', identity(2).instance, 0],
    ]);
  });
});

test('an instance over the size limit is told with its head, so that its study can be found', async () => {
  const peer = await connectRaw(await start({ ICHOR_MAX_INSTANCE_BYTES: '100000' }));
  await peer.associate();
  peer.send(store(1, { pixelBytes: 400_000 }));
  expect(statusIn(await peer.response())).toBe(0xa700);
  const [{ code, head } = { code: '', head: Buffer.alloc(0) }] = receiver.refused;
  expect(code).toBe('INSTANCE_TOO_LARGE');
  expect(head.equals(plainCt(identity(1), 400_000).subarray(0, 32_768))).toBe(true);
});

test('a connection that says nothing at all is closed by ARTIM', async () => {
  const socket = connect(await start({ ICHOR_ARTIM_MS: '200' }), '127.0.0.1');
  await once(socket, 'close');
  expect(receiver.aborted).toHaveLength(1);
});
