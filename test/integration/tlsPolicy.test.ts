/** TLS of every connection that comes or goes: TLS 1.3, and of TLS 1.2 only ECDHE with authenticated encryption (RFC 9325). */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import tls, { type ConnectionOptions, createServer, type Server } from 'node:tls';
import { sendSyslog } from '@ichor/accounts/syslog';
import { echo } from '@ichor/dimse/requestor/echo';
import { restrictTls } from '@ichor/settings/tlsPolicy';
import { sendMail } from '@ichor/worker/notification/mail';
import { sendHl7 } from '@ichor/worker/notification/mllpClient';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { associateRequest, connectRaw } from '../support/rawPeer.ts';
import { startTestReceiver, type TestReceiver } from '../support/testReceiver.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
const path = (name: string): string => join(folder.path, name);
beforeAll(async () => {
  folder = await openWorkFolder('tls');
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  expect(spawnSync('openssl', [...request, '-keyout', path('key'), '-out', path('cert')]).status).toBe(0);
});
afterAll(() => folder.remove());

describe('the DICOM port', () => {
  let receiver: TestReceiver;
  const start = async (env: Record<string, string> = {}): Promise<void> => {
    receiver = await startTestReceiver({
      ICHOR_DICOM_TLS_KEY: path('key'),
      ICHOR_DICOM_TLS_CERT: path('cert'),
      ...env,
    });
  };
  afterEach(() => receiver.close());

  /** The cipher suite that is agreed on, or the fault. */
  const agreed = (options: ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = tls.connect(
        { port: receiver.port, host: '127.0.0.1', rejectUnauthorized: false, ...options },
        () => {
          resolve(socket.getCipher().name);
          socket.destroy();
        },
      );
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  const tls12 = (ciphers: string): ConnectionOptions => ({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` });

  test.each(['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-CHACHA20-POLY1305'])(
    'takes %s',
    async (cipher) => {
      await start();
      expect(await agreed(tls12(cipher))).toBe(cipher);
    },
  );

  test('takes TLS 1.3', async () => {
    await start();
    expect(await agreed({ minVersion: 'TLSv1.3' })).toMatch(/^TLS_AES_/);
  });

  test.each([
    ['static RSA', tls12('AES128-GCM-SHA256')],
    ['static RSA with CBC', tls12('AES256-SHA')],
    ['ECDHE with CBC', tls12('ECDHE-RSA-AES128-SHA256')],
    ['ECDHE with CBC and SHA-1', tls12('ECDHE-RSA-AES256-SHA')],
    ['finite-field DHE', tls12('DHE-RSA-AES256-GCM-SHA384')],
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const],
  ])('refuses %s, and says so', async (_name, options) => {
    await start();
    expect(await agreed(options)).toMatch(/HANDSHAKE_FAILURE|PROTOCOL_VERSION/);
    expect(receiver.aborted).toEqual([
      expect.stringMatching(/^the TLS handshake failed: .*(no shared cipher|unsupported protocol)/),
    ]);
    expect(receiver.abortedPeers).toEqual([{ remoteAddress: '127.0.0.1', callingAeTitle: null }]);
  });

  test('is not locked by unfinished handshakes of one host, neither for another host nor for itself', async () => {
    await start();
    const silent: Socket[] = [];
    for (let number = 0; number < 400; number++) {
      const socket = connectTcp({ port: receiver.port, host: '127.0.0.1', localAddress: '127.0.0.1' });
      socket.on('error', () => undefined);
      silent.push(socket);
      await once(socket, 'connect');
    }
    for (const localAddress of ['127.0.0.2', '127.0.0.1']) {
      const socket = tls.connect({
        port: receiver.port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        localAddress,
      } as ConnectionOptions);
      socket.on('secureConnect', () => socket.write(associateRequest()));
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer[0]).toBe(2);
      socket.destroy();
    }
    expect(receiver.aborted.length).toBeGreaterThanOrEqual(400 - 32);
    for (const socket of silent) socket.destroy();
  });

  test('ends a handshake that never begins, and tells who it was', async () => {
    await start({ ICHOR_ARTIM_MS: '300' });
    const peer = await connectRaw(receiver.port);
    await peer.closed();
    expect(receiver.abortedPeers).toEqual([{ remoteAddress: '127.0.0.1', callingAeTitle: null }]);
  });
});

describe('what Ichor opens itself agrees to nothing less', () => {
  let server: Server;
  const faults: string[] = [];
  beforeAll(async () => {
    server = createServer({
      key: await readFile(path('key')),
      cert: await readFile(path('cert')),
      maxVersion: 'TLSv1.2',
      ciphers: 'AES128-GCM-SHA256:AES256-SHA:ECDHE-RSA-AES128-SHA256:@SECLEVEL=0',
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => faults.push(error.code ?? ''));
    server.on('secureConnection', (socket) => {
      faults.push('agreed');
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    faults.length = 0;
  });
  afterAll(() => {
    server.close();
  });
  const port = (): number => (server.address() as AddressInfo).port;

  test.each<[string, () => Promise<unknown>]>([
    [
      'a DICOM association',
      () =>
        echo({ aeTitle: 'PACS', host: '127.0.0.1', port: port(), tls: true }, { callingAeTitle: 'ICHOR', tls: null }),
    ],
    [
      'HL7 over MLLP',
      () =>
        sendHl7(
          { name: 'ris', host: '127.0.0.1', port: port(), tls: true, caPath: path('cert') } as never,
          'MSH|',
          '1',
          5_000,
        ),
    ],
    ['audit messages', () => sendSyslog({ transport: 'tls', host: '127.0.0.1', port: port() }, [Buffer.from('x')])],
    [
      'mail',
      () =>
        sendMail(
          { url: `smtps://127.0.0.1:${port()}`, from: 'a@b.c', to: [] },
          'd@e.f',
          { subject: '', text: '' },
          '1',
          5_000,
        ),
    ],
  ])('%s', async (_name, connect) => {
    await expect(connect()).rejects.toThrow();
    expect(faults).toEqual(['ERR_SSL_NO_SHARED_CIPHER']);
  });

  test('what libraries open in its processes: webhooks, single sign-on, databases', async () => {
    const { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION } = tls;
    try {
      restrictTls();
      await expect(fetch(`https://127.0.0.1:${port()}`)).rejects.toThrow('fetch failed');
      expect(faults).toEqual(['ERR_SSL_NO_SHARED_CIPHER']);
    } finally {
      Object.assign(tls, { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION });
    }
  });
});
