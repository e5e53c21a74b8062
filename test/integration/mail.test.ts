/** Mail for positive studies, taken by a real SMTP server. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Database } from '@ichor/store/postgres/database';
import { listNotifications } from '@ichor/store/rows/notification';
import { sendMail } from '@ichor/worker/notification/mail';
import { expect, test } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { eventually } from '../support/ichor.ts';
import { addNotifiedResult, startNotifier, stateCounts } from '../support/notifications.ts';
import { withDatabase } from '../support/postgres.ts';

type Letter = { readonly to: readonly string[]; readonly text: string };

async function startMailServer() {
  const letters: Letter[] = [];
  let busy = 2;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo({ address }, _session, answer) {
      if (address.startsWith('nobody'))
        return answer(Object.assign(new Error('no such mailbox'), { responseCode: 550 }));
      if (address.startsWith('busy') && busy-- > 0)
        return answer(Object.assign(new Error('try later'), { responseCode: 450 }));
      answer();
    },
    onData(stream, { envelope }, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        letters.push({ to: envelope.rcptTo.map(({ address }) => address), text: Buffer.concat(parts).toString() });
        done();
      });
    },
  });
  server.on('error', () => {});
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return { letters, server, port: (listening.address() as { port: number }).port };
}

test(
  'a positive study is mailed once to each address, without patient or accession; others are not',
  () =>
    withDatabase(async (database: Database) => {
      const { letters, server, port } = await startMailServer();
      const notifier = await startNotifier(database, {
        ICHOR_MAIL_URL: `smtp://127.0.0.1:${port}`,
        ICHOR_MAIL_FROM: 'ichor@hospital.example',
        ICHOR_MAIL_TO: 'reader@hospital.example,busy@hospital.example,nobody@hospital.example',
        ICHOR_PUBLIC_URL: 'https://ichor.hospital.example',
      });
      try {
        const { lanes } = notifier;
        const patient = { patientName: 'Unmistakable^Jane', patientId: 'PID-4711', accessionNumber: 'ACC-0815' };
        await addNotifiedResult(database, lanes, { uid: '1.2.1', state: 'clear', ...patient });
        await addNotifiedResult(database, lanes, { uid: '1.2.2', state: 'not-analysed', ...patient });
        await addNotifiedResult(database, lanes, { uid: '1.2.3', state: 'flagged', ...patient });
        await addNotifiedResult(database, lanes, { uid: '1.2.3', state: 'flagged', ...patient });
        await notifier.wake();
        await eventually('two delivered, one dead', async () => {
          const { delivered, dead, pending } = await stateCounts(database);
          return delivered === 2 && dead === 1 && pending === undefined;
        });
        expect(letters.flatMap(({ to }) => to).sort()).toEqual(['busy@hospital.example', 'reader@hospital.example']);
        for (const { text } of letters) {
          expect(text).not.toMatch(/Unmistakable|PID-4711|ACC-0815|20240131/);
          expect(text).toContain('Subdural hemorrhage: score 0.98');
          expect(text.replaceAll('=\r\n', '')).toContain('https://ichor.hospital.example/studies/1.2.3');
          expect(text).toContain('NOT FOR DIAGNOSTIC USE');
        }
        const [dead] = await listNotifications(database, { state: 'dead' });
        expect(dead).toMatchObject({
          destination: 'nobody@hospital.example',
          attempts: 1,
          error: expect.stringContaining('550'),
        });
      } finally {
        await notifier.stop();
        await new Promise<void>((resolve) => server.close(resolve));
      }
    }),
  120_000,
);

test('a mail server whose greeting never ends is given up, and the message counts as unanswered', async () => {
  const drips = new Set<NodeJS.Timeout>();
  const server = createServer((socket) => {
    drips.add(setInterval(() => socket.write('220-wait\r\n'), 20));
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const letter = { subject: 'x', text: 'x' };
    await expect(
      sendMail({ url, from: 'ichor@hospital.example', to: [] }, 'reader@hospital.example', letter, '1', 100),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^NOTIFICATION_UN/), retryable: true });
  } finally {
    for (const drip of drips) clearInterval(drip);
    server.close();
  }
});
