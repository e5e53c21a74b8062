/** The receiver as other programs see it: who may call, what is accepted, which status is answered, what limits do. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MANUFACTURER, MODEL_NAME } from '@ichor/dicom/ownObjects';
import { part10Header } from '@ichor/dicom/part10';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { requirePeer } from '../support/peers.ts';
import { datasetOf, type Extra, type Identity, plainCt, UNDEFINED_LENGTH, writerFor } from '../support/rawDataset.ts';
import {
  acceptedContexts,
  acceptedRoles,
  CT,
  CT_CONTEXT,
  commandSet,
  commentIn,
  connectRaw,
  EXPLICIT,
  pData,
  pdv,
  type RawPeer,
  releaseRequest,
  statusIn,
  storeCommand,
  storeRequest,
} from '../support/rawPeer.ts';
import { startTestReceiver, type TestReceiver, type TestReceiverOptions } from '../support/testReceiver.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let receiver: TestReceiver;
let folder: WorkFolder;
beforeEach(async () => {
  folder = await openWorkFolder('receiver-test');
});
afterEach(async () => {
  await receiver?.close();
  await folder.remove();
});

const ENHANCED_CT = '1.2.840.10008.5.1.4.1.1.2.1';
const DOSE_REPORT = '1.2.840.10008.5.1.4.1.1.88.67';
const COMMITMENT = '1.2.840.10008.1.20.1';
const { element, item } = writerFor('explicit');
const identity = (number: number, sopClass = CT): Identity => ({
  study: '1.2.3',
  series: '1.2.3.4',
  instance: `1.2.3.4.${number}`,
  sopClass,
});

async function associated(env: Record<string, string> = {}, options: TestReceiverOptions = {}): Promise<RawPeer> {
  receiver = await startTestReceiver(env, options);
  return anotherPeer();
}

async function anotherPeer(): Promise<RawPeer> {
  const peer = await connectRaw(receiver.port);
  const contexts = [CT, ENHANCED_CT, DOSE_REPORT].map((abstractSyntax, index) => ({
    ...CT_CONTEXT,
    id: 2 * index + 1,
    abstractSyntax,
  }));
  await peer.associate({ contexts });
  return peer;
}

/** Sends a dataset as an instance of CT and gives the status. */
async function statusOf(peer: RawPeer, sopInstanceUid: string, dataset: Buffer, options = {}): Promise<number> {
  peer.send(storeRequest(sopInstanceUid, dataset, options));
  return statusIn(await peer.response());
}

async function spooled(): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of receiver.spool.scan()) paths.push(path);
  return paths;
}

describe('who may call', () => {
  /** The peer must run beside this process, which is the receiver. */
  const echoing = async (...args: string[]): Promise<string> => {
    requirePeer('echoscu');
    const run = promisify(execFile)('echoscu', [...args, '127.0.0.1', String(receiver.port)]);
    return run.then(
      () => 'ok',
      (error: { stderr: string }) => error.stderr,
    );
  };

  test('C-ECHO is answered, and another called AE title is rejected for good', async () => {
    receiver = await startTestReceiver();
    expect(await echoing('-aec', 'ICHOR')).toBe('ok');
    expect(await echoing('-aec', 'OTHER')).toMatch(/Rejected Permanent[\s\S]*Called AE Title Not Recognized/);
  });

  test('with a list of callers, others are rejected, by name and by address', async () => {
    receiver = await startTestReceiver({ ICHOR_CALLERS: 'CT1,CT2@127.0.0.1,CT3@10.1.1.1' });
    expect(await echoing('-aec', 'ICHOR', '-aet', 'CT1')).toBe('ok');
    expect(await echoing('-aec', 'ICHOR', '-aet', 'CT2')).toBe('ok');
    expect(await echoing('-aec', 'ICHOR', '-aet', 'CT3')).toMatch(/Calling AE Title Not Recognized/);
    expect(await echoing('-aec', 'ICHOR', '-aet', 'CT4')).toMatch(/Calling AE Title Not Recognized/);
  });

  test.each([
    ['an unknown application context', { applicationContext: '1.2.3.4' }, [1, 1, 2]],
    ['an unknown protocol version', { version: 2 }, [1, 2, 2]],
  ])('%s is rejected', async (_name, options, expected) => {
    receiver = await startTestReceiver();
    const answer = (await (await connectRaw(receiver.port)).associate(options))!;
    expect([answer.type, ...answer.body.subarray(1)]).toEqual([3, ...expected]);
  });

  test('one association too many is rejected for the moment, and taken once there is room; silent sockets take no room', async () => {
    receiver = await startTestReceiver({ ICHOR_MAX_ASSOCIATIONS: '2' });
    await connectRaw(receiver.port);
    const [first] = [await anotherPeer(), await anotherPeer()];
    const rejected = (await (await connectRaw(receiver.port)).associate())!;
    expect([rejected.type, ...rejected.body.subarray(1)]).toEqual([3, 2, 3, 2]);
    first.send(releaseRequest());
    await first.closed();
    expect((await (await connectRaw(receiver.port)).associate())?.type).toBe(2);
  });
});

describe('what is negotiated', () => {
  test('a PACS that reports storage commitment becomes its SCP, and its report arrives', async () => {
    receiver = await startTestReceiver();
    const peer = await connectRaw(receiver.port);
    const accepted = (await peer.associate({
      contexts: [{ id: 1, abstractSyntax: COMMITMENT, transferSyntaxes: [EXPLICIT] }],
      roles: [{ sopClassUid: COMMITMENT, scu: 0, scp: 1 }],
    }))!;
    expect(acceptedContexts(accepted).get(1)?.result).toBe(0);
    expect(acceptedRoles(accepted).get(COMMITMENT)).toEqual([0, 1]);
    const reference = (uid: string, ...more: Buffer[]) =>
      item(Buffer.concat([element(0x00081150, 'UI', CT), element(0x00081155, 'UI', uid), ...more]));
    const report = Buffer.concat([
      element(0x00081195, 'UI', '1.2.3.99'),
      element(0x00081198, 'SQ', reference('1.2.3.2', element(0x00081197, 'US', Buffer.from([0x12, 0x01])))),
      element(0x00081199, 'SQ', reference('1.2.3.1')),
    ]);
    const command = commandSet({
      2: COMMITMENT,
      256: 0x0100,
      272: 1,
      2048: 0,
      4096: '1.2.840.10008.1.20.1.1',
      4098: 2,
    });
    peer.send(pData(pdv(1, 'command', true, command)), pData(pdv(1, 'data', true, report)));
    expect(statusIn(await peer.response())).toBe(0);
    expect(receiver.commitments).toEqual([
      { transactionUid: '1.2.3.99', succeeded: ['1.2.3.1'], failed: [{ sopInstanceUid: '1.2.3.2', reason: 0x0112 }] },
    ]);
  });

  test('an object that cannot be decoded is refused at negotiation, and the rest of the study still comes', async () => {
    receiver = await startTestReceiver();
    const accepted = acceptedContexts(
      (await (
        await connectRaw(receiver.port)
      ).associate({
        contexts: [
          { id: 1, abstractSyntax: CT, transferSyntaxes: ['1.2.840.10008.1.2.4.50'] },
          { id: 3, abstractSyntax: '1.2.840.10008.5.1.4.1.2.2.1', transferSyntaxes: [EXPLICIT] },
          { id: 5, abstractSyntax: DOSE_REPORT, transferSyntaxes: [EXPLICIT] },
        ],
      }))!,
    );
    expect([...accepted.values()].map(({ result }) => result)).toEqual([4, 3, 0]);
  });
});

describe('what is stored', () => {
  test('CT, enhanced CT and a dose report of one association', async () => {
    const peer = await associated();
    for (const [index, sopClassUid] of [CT, ENHANCED_CT, DOSE_REPORT].entries()) {
      const dataset = plainCt(identity(index, sopClassUid));
      expect(await statusOf(peer, identity(index).instance, dataset, { sopClassUid, contextId: 2 * index + 1 })).toBe(
        0,
      );
    }
    expect(await spooled()).toHaveLength(3);
  });

  test('with ICHOR_OTHER_STORAGE=ignore a dose report is answered with Success and not kept', async () => {
    const peer = await associated({ ICHOR_OTHER_STORAGE: 'ignore' });
    const dataset = plainCt(identity(1, DOSE_REPORT));
    expect(await statusOf(peer, identity(1).instance, dataset, { sopClassUid: DOSE_REPORT, contextId: 5 })).toBe(0);
    expect(await statusOf(peer, identity(2).instance, plainCt(identity(2)))).toBe(0);
    expect(await spooled()).toEqual(['1.2.3/1.2.3.4/1.2.3.4.2.dcm']);
  });

  test('an object that Ichor wrote is answered with Success and dropped', async () => {
    const peer = await associated();
    const equipment = element(
      0x0018a001,
      'SQ',
      item(Buffer.concat([element(0x00080070, 'LO', MANUFACTURER), element(0x00081090, 'LO', MODEL_NAME)])),
    );
    expect(
      await statusOf(peer, identity(1).instance, datasetOf('explicit', identity(1), [[0x0018a001, equipment]])),
    ).toBe(0);
    expect(receiver.stored.map(({ outcome }) => outcome)).toEqual(['own']);
    expect(await spooled()).toEqual([]);
  });

  test('the same bytes again are no second file; other bytes under the same UID are kept beside the first', async () => {
    const peer = await associated();
    for (const pixelBytes of [1_000, 1_000, 1_002, 1_002])
      expect(await statusOf(peer, identity(1).instance, plainCt(identity(1), pixelBytes))).toBe(0);
    expect(receiver.stored.map(({ outcome }) => outcome)).toEqual(['new', 'identical', 'conflict', 'identical']);
    expect(await spooled()).toHaveLength(2);
  });

  test('the same bytes again are the same instance, however they are cut; one other byte at the end makes another', async () => {
    const peer = await associated();
    const dataset = plainCt(identity(1), 300_000);
    const other = Buffer.from(dataset);
    other[other.length - 1]! ^= 1;
    for (const [bytes, pdvBytes] of [
      [dataset, 16_000],
      [dataset, 60_002],
      [dataset, 1_000],
      [other, 16_000],
    ] as const)
      expect(await statusOf(peer, identity(1).instance, bytes, { pdvBytes })).toBe(0);
    expect(receiver.stored.map(({ outcome }) => outcome)).toEqual(['new', 'identical', 'identical', 'conflict']);
  });

  test('an object with private elements only, beside its identity, and one without Pixel Data', async () => {
    const peer = await associated();
    const extra: Extra = [
      [0x00090010, element(0x00090010, 'LO', 'ACME')],
      [0x00091001, element(0x00091001, 'UN', Buffer.alloc(40_000, 1))],
    ];
    expect(await statusOf(peer, identity(1).instance, datasetOf('explicit', identity(1), extra))).toBe(0);
    expect(await statusOf(peer, identity(2).instance, datasetOf('explicit', identity(2)))).toBe(0);
  });
});

describe('what is refused, while the association goes on', () => {
  const without = (tag: number): Buffer => {
    const { sopClass, instance, study, series } = identity(1);
    const all: readonly (readonly [number, string])[] = [
      [0x00080016, sopClass],
      [0x00080018, instance],
      [0x0020000d, study],
      [0x0020000e, series],
    ];
    return Buffer.concat(all.filter(([one]) => one !== tag).map(([one, value]) => element(one, 'UI', value)));
  };
  const nested = (depth: number): Buffer => {
    const open = Buffer.concat([
      element(0x00081140, 'SQ', Buffer.alloc(0), UNDEFINED_LENGTH),
      item(Buffer.alloc(0), UNDEFINED_LENGTH),
    ]);
    return Buffer.concat([element(0x00080016, 'UI', CT), ...Array.from({ length: depth }, () => open)]);
  };
  const uid = identity(1).instance;

  test.each([
    ['no Study Instance UID', uid, without(0x0020000d), 0xc000, 'UID_MISSING'],
    ['no Series Instance UID', uid, without(0x0020000e), 0xc000, 'UID_MISSING'],
    ['no SOP Instance UID', uid, without(0x00080018), 0xc000, 'UID_MISSING'],
    ['another SOP Instance UID than its command', uid, plainCt(identity(2)), 0xa900, 'IDENTITY_MISMATCH'],
    ['another SOP Class than its command', uid, plainCt(identity(1, ENHANCED_CT)), 0xa900, 'IDENTITY_MISMATCH'],
    [
      'a SOP Instance UID that is a path',
      '../../etc',
      plainCt({ ...identity(1), instance: '../../etc' }),
      0xc000,
      'UID_INVALID',
    ],
    [
      'a Study Instance UID that is a path',
      uid,
      plainCt({ ...identity(1), study: '../../etc' }),
      0xc000,
      'UID_INVALID',
    ],
    ['a Series Instance UID that is a path', uid, plainCt({ ...identity(1), series: '..' }), 0xc000, 'UID_INVALID'],
    [
      'a SOP Instance UID of 65 characters',
      `1.${'2'.repeat(63)}`,
      plainCt({ ...identity(1), instance: `1.${'2'.repeat(63)}` }),
      0xc000,
      'UID_INVALID',
    ],
    ['10,000 nested sequences', uid, nested(10_000), 0xc000, 'DATASET_UNREADABLE'],
    ['bytes that are no dataset', uid, Buffer.from('this is not a dataset at all, not even remotely'), 0xc000, null],
    ['nothing', uid, Buffer.alloc(0), 0xc000, 'DATASET_UNREADABLE'],
  ])('an instance with %s', async (_name, sopInstanceUid, dataset, status, code) => {
    const peer = await associated();
    peer.send(pData(pdv(1, 'command', true, storeCommand(sopInstanceUid))), pData(pdv(1, 'data', true, dataset)));
    const response = await peer.response();
    expect(statusIn(response)).toBe(status);
    expect(commentIn(response)).toMatch(/^[\x20-\x7e]{1,64}$/);
    expect(receiver.refused).toEqual([expect.objectContaining(code === null ? {} : { code })]);
    expect(await statusOf(peer, identity(3).instance, plainCt(identity(3)))).toBe(0);
    expect(await spooled()).toEqual(['1.2.3/1.2.3.4/1.2.3.4.3.dcm']);
    expect(await readdir(join(receiver.dataDir, '..'))).not.toContain('etc');
  });

  test('an instance above the size limit is read to its end and refused with 0xA700', async () => {
    const peer = await associated({ ICHOR_MAX_INSTANCE_BYTES: '100000' });
    expect(await statusOf(peer, uid, plainCt(identity(1), 400_000))).toBe(0xa700);
    expect(await statusOf(peer, identity(2).instance, plainCt(identity(2), 90_000))).toBe(0);
    expect(receiver.refused.map(({ code }) => code)).toEqual(['INSTANCE_TOO_LARGE']);
  });

  test('below the disk floor the answer is 0xA700 and nothing is half-written', async () => {
    const peer = await associated({ ICHOR_DISK_FLOOR_BYTES: String(2 ** 52) });
    expect(await statusOf(peer, uid, plainCt(identity(1)))).toBe(0xa700);
    expect(await readdir(join(receiver.dataDir, 'spool'), { recursive: true })).toEqual([]);
  });

  test('on a full disk the answer is 0xA700, no partial file stays, and it recovers', async () => {
    const disk = join(folder.path, 'small');
    await mkdir(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'ichor-test', disk]).status === 0;
    if (!mounted) {
      process.stderr.write('not run: a full disk: this user may not mount a tmpfs; the disk floor is tested instead\n');
      return;
    }
    try {
      const peer = await associated({}, { dataDir: disk });
      const statuses: number[] = [];
      for (let number = 1; number <= 4; number++)
        statuses.push(await statusOf(peer, identity(number).instance, plainCt(identity(number), 600_000)));
      expect(statuses).toEqual([0, 0, 0, 0xa700]);
      const files = (await readdir(join(disk, 'spool'), { recursive: true, withFileTypes: true })).filter((one) =>
        one.isFile(),
      );
      expect(files.map(({ name }) => name).sort()).toEqual([1, 2, 3].map((number) => `1.2.3.4.${number}.dcm`));
      spawnSync('mount', ['-o', 'remount,size=8m', disk]);
      expect(await statusOf(peer, identity(4).instance, plainCt(identity(4), 600_000))).toBe(0);
    } finally {
      await receiver.close();
      spawnSync('umount', [disk]);
    }
  });
});

describe('limits of memory', () => {
  test('instances beyond the memory limit wait for each other instead of being refused', async () => {
    await associated({ ICHOR_MAX_MEMORY_BYTES: '2000000' });
    const numbers = Array.from({ length: 8 }, (_, index) => index + 1);
    const peers = await Promise.all(numbers.map(anotherPeer));
    const statuses = await Promise.all(
      peers.map((peer, index) => statusOf(peer, identity(index + 1).instance, plainCt(identity(index + 1), 900_000))),
    );
    expect(statuses).toEqual(numbers.map(() => 0));
    expect(receiver.refused).toEqual([]);
  });

  test('many requests sent ahead of their responses are all answered, in bounded memory', async () => {
    const peer = await associated();
    const numbers = Array.from({ length: 60 }, (_, index) => index + 1);
    for (const number of numbers)
      peer.send(storeRequest(identity(number).instance, plainCt(identity(number), 20_000), { messageId: number }));
    const answered = [];
    for (const _ of numbers) answered.push((await peer.response()).get(0x0120)!.readUInt16LE());
    expect(answered.sort((one, other) => one - other)).toEqual(numbers);
    expect(await spooled()).toHaveLength(60);
  });
});

describe('the end', () => {
  test('on close, what is being stored is finished and answered, and new associations are turned away', async () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const peer = await associated({}, { beforeStore: () => opened });
    peer.send(storeRequest(identity(1).instance, plainCt(identity(1))));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = receiver.close(20_000);
    await expect(connectRaw(receiver.port)).rejects.toThrow(/ECONNREFUSED/);
    open();
    expect(statusIn(await peer.response())).toBe(0);
    peer.send(releaseRequest());
    expect((await peer.next())?.type).toBe(6);
    await closed;
    receiver = await startTestReceiver();
  });

  test('an association that says nothing more does not hold up the end', async () => {
    const peer = await associated();
    const closed = receiver.close(60_000);
    expect((await peer.next())?.type).toBe(7);
    await peer.closed();
    await closed;
    receiver = await startTestReceiver();
  });
});

describe('DICOM TLS', () => {
  const openssl = (...args: string[]): void => {
    const run = spawnSync('openssl', args, { cwd: folder.path, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`openssl ${args[0]}: ${run.stderr}`);
  };
  const makeCertificates = (): void => {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=test ca',
    );
    for (const name of ['server', 'client']) {
      openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      );
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-out',
        `${name}.pem`,
        '-days',
        '2',
      );
    }
  };
  const path = (name: string): string => join(folder.path, name);
  const storescu = async (...tls: string[]): Promise<'stored' | 'refused'> => {
    const { instance, sopClass } = identity(1);
    const header = part10Header({
      sopClassUid: sopClass,
      sopInstanceUid: instance,
      transferSyntaxUid: EXPLICIT,
      callingAeTitle: '',
    });
    await writeFile(path('ct.dcm'), Buffer.concat([header, plainCt(identity(1))]));
    const args = [...tls, '-to', '5', '-aec', 'ICHOR', '127.0.0.1', String(receiver.port), path('ct.dcm')];
    return promisify(execFile)(requirePeer('storescu'), args).then(
      () => 'stored' as const,
      () => 'refused' as const,
    );
  };
  const withClientCertificate = () => ['+tls', path('client.key'), path('client.pem'), '+cf', path('ca.pem')];
  const server = () => ({ ICHOR_DICOM_TLS_KEY: path('server.key'), ICHOR_DICOM_TLS_CERT: path('server.pem') });

  test('without a CA any TLS client may call, and plain TCP may not', async () => {
    makeCertificates();
    receiver = await startTestReceiver({ ...server(), ICHOR_ARTIM_MS: '1000' });
    expect(await storescu('+tla', '+cf', path('ca.pem'))).toBe('stored');
    expect(await storescu()).toBe('refused');
  });

  test('with a CA, only clients with a certificate of it may call', async () => {
    makeCertificates();
    receiver = await startTestReceiver({ ...server(), ICHOR_DICOM_TLS_CA: path('ca.pem'), ICHOR_ARTIM_MS: '1000' });
    expect(await storescu(...withClientCertificate())).toBe('stored');
    expect(await storescu('+tla', '+cf', path('ca.pem'))).toBe('refused');
    expect(receiver.stored).toHaveLength(1);
  });

  test('a key or certificate that cannot be used is a problem of the configuration', async () => {
    await writeFile(path('bad.pem'), 'no certificate');
    const env = { ICHOR_DICOM_TLS_KEY: path('bad.pem'), ICHOR_DICOM_TLS_CERT: path('bad.pem') };
    await expect(startTestReceiver(env)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(startTestReceiver({ ...env, ICHOR_DICOM_TLS_CERT: path('absent.pem') })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    receiver = await startTestReceiver();
  });
});
