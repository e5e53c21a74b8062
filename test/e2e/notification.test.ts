/** From C-STORE to the RIS: Ichor as a process, a receiver with TLS, and the command line for what was refused. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startHl7Receiver } from '../support/hl7Receiver.ts';
import { eventually, freePort, runIchor, startIchor, untilReady } from '../support/ichor.ts';
import { openWorkFolder } from '../support/workFolder.ts';

test('results of sent studies reach the RIS over TLS; what it refused goes out again by the command line', async () => {
  const folder = await openWorkFolder('notification');
  const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ];
  execFileSync('openssl', [...request, '-days', '2', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const ris = await startHl7Receiver(0, { key: await readFile(key), cert: await readFile(cert) });
  const [dicomPort, httpPort] = [await freePort(), await freePort()];
  const env = {
    ICHOR_DATA_DIR: join(folder.path, 'data'),
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_QUIET_PERIOD_MS: '1000',
    ICHOR_DISK_FLOOR_BYTES: '0',
    ICHOR_HL7_DESTINATIONS: `localhost:${ris.port}?tls=on&ca=${cert}`,
  };
  const ichor = startIchor([], env);
  try {
    await untilReady(httpPort);
    ris.behave(() => 'AR');
    const ct = join(folder.path, 'ct');
    const phantom = ['phantom', '--out', ct, '--slices', '14', '--matrix', '128', '--bleed', 'subdural'];
    expect((await runIchor(phantom)).code).toBe(0);
    expect((await runIchor(['send', `ICHOR@127.0.0.1:${dicomPort}`, ct], env)).code).toBe(0);
    const dead = await eventually('the refusal', async () => {
      const { stdout } = await runIchor(['notifications', '--state', 'dead', '--json'], env);
      return stdout.trim() === '' ? null : JSON.parse(stdout);
    });
    expect(dead.error).toContain('it answered AR');
    ris.behave(() => 'AA');
    expect((await runIchor(['notifications', '--resend', 'all'], env)).stdout).toContain(
      '1 notifications are due again',
    );
    await eventually('the message', async () => ris.processed.length === 1);
    const [{ controlId, studyInstanceUid, text }] = ris.processed as [(typeof ris.processed)[0]];
    expect([controlId, studyInstanceUid]).toEqual([dead.controlId, dead.studyInstanceUid]);
    expect(text).toMatch(/\rPID\|1\|\|[^|]+\|\|[^|]+\r/);
    expect((await runIchor(['notifications', '--resend', '999999'], env)).code).toBe(2);
    expect(ichor.output()).not.toContain('DOE');
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
    expect(metrics).toContain('ichor_notifications_total{kind="hl7",outcome="delivered"} 1');
  } finally {
    await ichor.stop();
    await ris.stop();
    await folder.remove();
  }
}, 240_000);
