/** What is cut or swollen on its way is refused with the true reason and not stored; what is only unusual is stored. */
import { readFile } from 'node:fs/promises';
import { deflateRawSync } from 'node:zlib';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  datasetOf,
  type Extra,
  type Identity,
  type Syntax,
  UNDEFINED_LENGTH,
  writerFor,
} from '../support/rawDataset.ts';
import { CT, connectRaw, type RawPeer, statusIn, storeRequest } from '../support/rawPeer.ts';
import { startTestReceiver, type TestReceiver } from '../support/testReceiver.ts';

let receiver: TestReceiver;
afterEach(() => receiver.close());

const DEFLATED = '1.2.840.10008.1.2.1.99';
const identity: Identity = { study: '1.2.3', series: '1.2.3.4', instance: '1.2.3.4.5', sopClass: CT };

async function peerFor(transferSyntaxUid: string, env: Record<string, string> = {}): Promise<RawPeer> {
  receiver = await startTestReceiver(env);
  const peer = await connectRaw(receiver.port);
  await peer.associate({ contexts: [{ id: 1, abstractSyntax: CT, transferSyntaxes: [transferSyntaxUid] }] });
  return peer;
}

/** @returns the status, and the code of the refusal */
async function send(peer: RawPeer, dataset: Buffer): Promise<readonly [number, string | undefined]> {
  peer.send(storeRequest(identity.instance, dataset));
  return [statusIn(await peer.response()), receiver.refused.at(-1)?.code];
}

const syntaxOf = (uid: string): Syntax =>
  uid === '1.2.840.10008.1.2' ? 'implicit' : uid === '1.2.840.10008.1.2.2' ? 'big-endian' : 'explicit';

/** Large enough that Pixel Data ends far behind what holds its beginning, with a sequence behind it. */
function imageOf(syntax: Syntax, isEncapsulated: boolean): Buffer {
  const { element, item, delimiter } = writerFor(syntax);
  const frame = Buffer.alloc(60_000, 3);
  const pixels = isEncapsulated
    ? element(
        0x7fe00010,
        'OB',
        Buffer.concat([item(Buffer.alloc(0)), item(frame), delimiter(0xfffee0dd)]),
        UNDEFINED_LENGTH,
      )
    : element(0x7fe00010, 'OW', frame);
  const signatures = element(0xfffafffa, 'SQ', item(element(0x00080100, 'SH', 'CODE')));
  return datasetOf(syntax, identity, [
    [0x00081111, element(0x00081111, 'SQ', item(element(0x00081150, 'UI', CT)))],
    [0x7fe00010, pixels],
    [0xfffafffa, signatures],
  ]);
}

describe('an instance that was cut is refused and not stored', () => {
  test.each(TRANSFER_SYNTAXES.filter(({ uid }) => uid !== DEFLATED))('$name', async ({ uid, encapsulated }) => {
    const peer = await peerFor(uid);
    const bytes = imageOf(syntaxOf(uid), encapsulated);
    for (const length of [30, 50, 50_000, bytes.length - 40, bytes.length - 10, bytes.length - 1])
      expect(await send(peer, bytes.subarray(0, length))).toEqual([0xc000, 'DATASET_UNREADABLE']);
    expect(receiver.stored).toEqual([]);
    expect((await send(peer, bytes))[0]).toBe(0);
    expect(receiver.stored).toHaveLength(1);
  });

  test('deflated, as a stream and in what it holds', async () => {
    const peer = await peerFor(DEFLATED);
    const bytes = imageOf('explicit', false);
    const whole = deflateRawSync(bytes);
    for (const cut of [whole.subarray(0, whole.length - 8), deflateRawSync(bytes.subarray(0, 50_000))])
      expect(await send(peer, cut)).toEqual([0xc000, 'DATASET_UNREADABLE']);
    expect((await send(peer, whole))[0]).toBe(0);
    expect(receiver.stored).toHaveLength(1);
  });
});

describe('a deflated instance that swells', () => {
  const { element } = writerFor('explicit');
  const swelling = (extra: Extra): Buffer => deflateRawSync(datasetOf('explicit', identity, extra), { level: 1 });
  const bomb = swelling([[0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(40_000_000))]]);

  test('beyond the largest instance is refused as that would be in the clear', async () => {
    const peer = await peerFor(DEFLATED, { ICHOR_MAX_INSTANCE_BYTES: '20000000' });
    expect(await send(peer, bomb)).toEqual([0xa700, 'INSTANCE_TOO_LARGE']);
    expect(receiver.stored).toEqual([]);
  });
  test('within that is stored as it came, its pixels never held', async () => {
    const peer = await peerFor(DEFLATED, { ICHOR_MAX_MEMORY_BYTES: '1500000' });
    expect((await send(peer, bomb))[0]).toBe(0);
    const file = await readFile(receiver.stored[0]!.path);
    expect(file.subarray(file.length - bomb.length).equals(bomb)).toBe(true);
  });
  test('before Pixel Data counts against the memory of all instances, and is given back', async () => {
    const { item } = writerFor('explicit');
    const sequence = element(0x00081111, 'SQ', item(element(0x00091001, 'OB', Buffer.alloc(4_000_000))));
    const peer = await peerFor(DEFLATED, { ICHOR_MAX_MEMORY_BYTES: '3000000' });
    for (let time = 0; time < 3; time++)
      expect(await send(peer, swelling([[0x00081111, sequence]]))).toEqual([0xa700, 'MEMORY_EXHAUSTED']);
    expect((await send(peer, swelling([])))[0]).toBe(0);
  });
});

describe('what is only unusual is stored byte for byte', () => {
  const { element, item, delimiter } = writerFor('explicit');
  const long = (vr: string): Buffer => {
    const head = Buffer.from([0x29, 0, 0x01, 0x10, ...Buffer.from(vr), 0, 0, 16, 0, 0, 0]);
    return Buffer.concat([head, Buffer.alloc(16, 1)]);
  };
  const extended: Extra = [
    [0x7fe00001, element(0x7fe00001, 'OV', Buffer.alloc(8))],
    [0x7fe00002, element(0x7fe00002, 'OV', Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]))],
    [
      0x7fe00010,
      element(
        0x7fe00010,
        'OB',
        Buffer.concat([item(Buffer.alloc(0)), item(Buffer.from('abcd')), delimiter(0xfffee0dd)]),
        UNDEFINED_LENGTH,
      ),
    ],
  ];
  test.each<[string, Extra]>([
    ...['OV', 'SV', 'UV', 'XY'].map((vr): [string, Extra] => [
      `a private element of VR ${vr}`,
      [[0x00291001, long(vr)]],
    ]),
    ['the Extended Offset Table', extended],
    ['an element of VR ??', [[0x00291001, Buffer.from([0x29, 0, 1, 0x10, 0x3f, 0x3f, 2, 0, 1, 2])]]],
  ])('%s', async (_name, extra) => {
    const peer = await peerFor('1.2.840.10008.1.2.1');
    const bytes = datasetOf('explicit', identity, extra);
    expect((await send(peer, bytes))[0]).toBe(0);
    const file = await readFile(receiver.stored[0]!.path);
    expect(file.subarray(file.length - bytes.length).equals(bytes)).toBe(true);
  });
});
