/** The audit trail, and its DICOM audit messages on their way to a syslog collector. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { auditMessage } from '@ichor/accounts/auditMessage';
import { sendSyslog } from '@ichor/accounts/syslog';
import { ACTS, type Act } from '@ichor/shared/acts';
import { writeAudit } from '@ichor/store/rows/audit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, freePort, ROOT, startIchor } from '../support/ichor.ts';
import { PASSWORD, type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
import { type Received, startDatagramCollector, startStreamCollector } from '../support/syslogCollector.ts';
import { openWebClient } from '../support/webClient.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';
import { addStudy, emptyTables } from '../support/worklistRows.ts';

let worklist: SignedInWorklist;
let folder: WorkFolder;
let port: number;
beforeAll(async () => {
  folder = await openWorkFolder('audit');
  port = await freePort();
  worklist = await startSignedInWorklist();
  await worklist.addUser('vera', 'viewer');
  await worklist.addUser('adam', 'administrator');
});
afterAll(async () => {
  await worklist?.stop();
  await folder?.remove();
});
/** New ones for each test: a view that was just recorded is not recorded again. */
let [first, second, count] = ['', '', 0];
beforeEach(async () => {
  count += 1;
  [first, second] = [`1.2.${count}.3`, `1.2.${count}.4`];
  await emptyTables(worklist.database);
  await worklist.database.pool.query('TRUNCATE sign_in_attempt');
  for (const uid of [first, second])
    await addStudy(worklist.database, {
      uid,
      state: 'flagged',
      accessionNumber: `A<&>${uid}`,
      patientName: 'Doe^Jane',
      patientId: 'PID "4711" & <co>',
    });
});

const trail = async (since: number) =>
  (await worklist.database.pool.query('SELECT * FROM audit WHERE audit_id > $1 ORDER BY audit_id', [since])).rows;
const newest = async (): Promise<number> =>
  Number((await worklist.database.pool.query('SELECT coalesce(max(audit_id), 0) AS id FROM audit')).rows[0].id);

/** Holds every message against the schema of the standard with jing, a RELAX NG validator of its own. */
async function validate(messages: readonly string[]): Promise<{ valid: boolean; output: string }> {
  const path = join(folder.path, String(Math.random()));
  await mkdir(path);
  const files = messages.map((_xml, index) => join(path, `${index}.xml`));
  for (const [index, xml] of messages.entries()) await writeFile(files[index]!, xml);
  const { status, stdout, stderr } = spawnSync(
    'jing',
    ['-c', join(ROOT, 'test', 'support', 'auditMessage.rnc'), ...files],
    { encoding: 'utf8' },
  );
  /** Debian's launcher mentions libraries that jing does not need. */
  const output = (stdout + stderr).replace(/^\[warning\] .*\n/gm, '');
  return { valid: status === 0, output };
}

describe('the audit trail', () => {
  test('holds who saw which study, from where and in which role, once per view', async () => {
    const since = await newest();
    const client = await worklist.signIn('vera');
    await client.send('/api/studies');
    for (const uid of [first, second, first, '9.9.9']) await client.send(`/api/studies/${uid}`);
    const entries = (await trail(since)).map(({ actor, role, address, act, study_instance_uid: study }) => [
      actor,
      role,
      address,
      act,
      study,
    ]);
    const who = ['vera', 'viewer', '127.0.0.1'];
    expect(entries).toEqual([
      [...who, 'sign-in', null],
      [...who, 'list-viewed', null],
      [...who, 'study-viewed', first],
      [...who, 'study-viewed', second],
    ]);
  });

  test('has a second entry when the study is seen again a minute later', async () => {
    const client = await worklist.signIn('vera');
    const since = await newest();
    await client.send(`/api/studies/${first}`);
    const { pool } = worklist.database;
    await pool.query('ALTER TABLE audit DISABLE TRIGGER audit_rows_stay');
    await pool.query(`UPDATE audit SET at = at - interval '61 seconds'`);
    await pool.query('ALTER TABLE audit ENABLE TRIGGER audit_rows_stay');
    await client.send(`/api/studies/${first}`);
    expect(await trail(since)).toHaveLength(2);
  });

  test('holds sign-in, failed sign-in, password change and sign-out', async () => {
    await worklist.addUser('paula', 'viewer');
    const since = await newest();
    await openWebClient(worklist.url).submit('/sign-in', { name: 'paula', password: 'wrong' });
    const client = await worklist.signIn('paula');
    const next = 'another long password';
    await client.submit('/account/password', { current: PASSWORD, next, again: next });
    await client.submit('/sign-out', {});
    const entries = (await trail(since)).filter(({ act }) => act !== 'list-viewed');
    expect(entries.map(({ actor, actor_kind: kind, act, succeeded }) => [actor, kind, act, succeeded])).toEqual([
      ['paula', 'stranger', 'sign-in', false],
      ['paula', 'person', 'sign-in', true],
      ['paula', 'person', 'password-changed', true],
      ['paula', 'person', 'sign-out', true],
    ]);
  });

  test.each(['UPDATE audit SET actor = $$nobody$$', 'DELETE FROM audit', 'TRUNCATE audit CASCADE'])(
    'refuses %s',
    async (statement) => {
      await expect(worklist.database.pool.query(statement)).rejects.toThrow('the audit trail is append-only');
    },
  );

  test('is shown to the administrator by study and by user, and that is an entry too', async () => {
    await (await worklist.signIn('vera')).send(`/api/studies/${second}`);
    const adam = await worklist.signIn('adam');
    await adam.send(`/api/studies/${first}`);
    const rowsOf = async (query: string): Promise<string[]> =>
      (await adam.open(`/audit?${query}`)).text.match(/<tr><td>.*<\/tr>/g) ?? [];
    const ofStudy = await rowsOf(`studyInstanceUid=${second}`);
    expect(ofStudy.length).toBeGreaterThan(0);
    for (const row of ofStudy)
      expect(row).toContain(`<td>vera</td><td>viewer</td><td>saw the study</td><td class="uid">${second}<`);
    for (const row of await rowsOf('actor=adam')) expect(row).toContain('<td>adam</td>');
    expect((await rowsOf('actor=adam'))[0]).toContain('read the audit trail');
  });

  test('a view that cannot be recorded is not shown', async () => {
    const client = await worklist.signIn('vera');
    await worklist.database.pool.query('ALTER TABLE audit RENAME TO audit_gone');
    try {
      const answer = await client.send(`/api/studies/${first}`);
      expect([answer.status, await answer.text()]).toEqual([503, expect.not.stringContaining('Doe')]);
    } finally {
      await worklist.database.pool.query('ALTER TABLE audit_gone RENAME TO audit');
    }
  });
});

describe('a DICOM audit message', () => {
  const message = (
    act: Act,
    change: Partial<Parameters<typeof auditMessage>[0]> = {},
    patientId: string | null = 'P<1>&"',
  ) =>
    auditMessage(
      {
        auditId: '1',
        at: '2026-03-01T08:09:10.123Z',
        actor: 'o"brien<&>\u0007',
        actorKind: 'person',
        role: 'viewer',
        address: '::1',
        act,
        succeeded: true,
        studyInstanceUid: act === 'study-viewed' || act === 'feedback' || act === 'resend' ? '1.2.840.4' : null,
        detail: 'about & <whom>',
        ...change,
      },
      { hostName: 'ichor.example', patientId, accessionNumber: 'A "17"' },
    );

  test('of every act, kind of actor and outcome is valid against the schema of PS3.15 A.5.1', async () => {
    const messages = (Object.keys(ACTS) as Act[]).flatMap((act) => [
      message(act),
      message(act, { succeeded: false, role: null, address: null, actorKind: 'system' }),
      message(act, { succeeded: false, detail: null }, null),
    ]);
    expect(await validate(messages)).toEqual({ valid: true, output: '' });
  });

  test('fits into a datagram and is valid, however long what it tells, and for an act of another version', async () => {
    const long = '<'.repeat(100_000);
    const messages = [
      message('study-viewed', { actor: long, role: long, detail: long, succeeded: false }, long),
      message('invented' as Act, { detail: long }),
    ];
    for (const xml of messages) expect(Buffer.byteLength(xml)).toBeLessThan(60_000);
    expect(await validate(messages)).toEqual({ valid: true, output: '' });
  });

  test('that misses something is refused by the same schema', async () => {
    const good = message('study-viewed');
    const spoilt = [
      good.replace(/<ActiveParticipant .*<\/ActiveParticipant>/, ''),
      good.replace(' EventOutcomeIndicator="0"', ''),
      good.replace('UID="1.2.840.4"', 'UID="one"'),
      good.replace(/<ParticipantObjectName>[^/]*<\/ParticipantObjectName>/, ''),
      good.replace('EventDateTime="2026', 'EventDateTime="today'),
    ];
    for (const xml of spoilt) expect([xml === good, (await validate([xml])).valid]).toEqual([false, false]);
  });

  test('names event, person, application, study and patient with the codes of DICOM', () => {
    const viewed = message('study-viewed');
    expect(viewed).toContain('<EventID csd-code="110103" codeSystemName="DCM"');
    expect(viewed).toContain('ParticipantObjectID="1.2.840.4"');
    expect(viewed).toMatch(/csd-code="110180" codeSystemName="DCM".*csd-code="2" codeSystemName="RFC-3881"/);
    expect(message('sign-in')).toMatch(/csd-code="110114".*csd-code="110122"/);
    expect(message('sign-in', { succeeded: false })).toContain('EventOutcomeIndicator="4"');
    expect(message('application-start')).toMatch(/csd-code="110100".*csd-code="110120"/);
  });
});

describe('the syslog collector', () => {
  const codesOf = (received: readonly Received[]): string[] =>
    received.map(({ xml }) => /<EventID csd-code="(\d+)"/.exec(xml)![1]!);
  const waiting = async (): Promise<number> =>
    (await worklist.database.pool.query('SELECT count(*)::int AS count FROM audit_outbox WHERE sent_at IS NULL'))
      .rows[0].count;

  test('gets every message in order over TCP, also those from the time when it was down', async () => {
    await worklist.restart({ ICHOR_AUDIT_SYSLOG: `tcp://127.0.0.1:${port}` });
    const client = await worklist.signIn('vera');
    for (const uid of [first, second]) await client.send(`/api/studies/${uid}`);
    expect(await waiting()).toBeGreaterThanOrEqual(4);
    let collector = await startStreamCollector(port);
    await eventually('every message', async () => (await waiting()) === 0);
    expect(codesOf(collector.received).filter((code) => code !== '110112')).toEqual([
      '110100',
      '110114',
      '110103',
      '110103',
    ]);
    const viewed = collector.received.find(({ xml }) => xml.includes('110103'))!;
    expect(viewed.header).toMatch(/^<85>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ ichor \d+ DICOM\+RFC3881 -$/);
    expect(viewed.xml).toContain('ParticipantObjectID="PID &quot;4711&quot; &amp; &lt;co&gt;"');
    expect(await validate(collector.received.map(({ xml }) => xml))).toEqual({ valid: true, output: '' });
    await collector.stop();

    await openWebClient(worklist.url).submit('/sign-in', { name: 'vera', password: 'wrong' });
    await client.submit('/sign-out', {});
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await waiting()).toBe(2);
    collector = await startStreamCollector(port);
    await eventually('the rest', async () => (await waiting()) === 0);
    expect(collector.received.map(({ xml }) => /EventOutcomeIndicator="(\d+)"/.exec(xml)![1])).toEqual(['4', '0']);
    await collector.stop();
  });

  test('gets messages over UDP', async () => {
    const collector = await startDatagramCollector(port);
    await worklist.restart({ ICHOR_AUDIT_SYSLOG: `udp://127.0.0.1:${port}` });
    await eventually('the start', async () => codesOf(collector.received).includes('110100'));
    await worklist.restart();
    await collector.stop();
  });

  test('gets messages over TLS when its certificate is vouched for, and nothing when it is not', async () => {
    const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
    const options = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=collector'];
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
    expect(spawnSync('openssl', ['req', ...options, ...names]).status).toBe(0);
    const [keyText, certText] = await Promise.all([readFile(key, 'utf8'), readFile(cert, 'utf8')]);
    const collector = await startStreamCollector(port, { key: keyText, cert: certText });
    const tls = { transport: 'tls', host: '127.0.0.1', port } as const;
    await expect(sendSyslog(tls, [Buffer.from('secret')])).rejects.toThrow('self-signed certificate');
    expect(collector.received).toEqual([]);
    const ichor = startIchor(['worklist'], {
      NODE_EXTRA_CA_CERTS: cert,
      ICHOR_DATABASE_URL: worklist.database.url,
      ICHOR_DATA_DIR: folder.path,
      ICHOR_HTTP_PORT: String(await freePort()),
      ICHOR_AUDIT_SYSLOG: `tls://127.0.0.1:${port}`,
    });
    await eventually('the start', async () => codesOf(collector.received).includes('110100'));
    await ichor.stop();
    await collector.stop();
  });

  test('gets each message from one of two processes only', async () => {
    const entry = {
      actor: 'vera',
      actorKind: 'person',
      role: 'viewer',
      address: null,
      succeeded: true,
      studyInstanceUid: null,
    } as const;
    const collector = await startStreamCollector(port);
    await worklist.restart({ ICHOR_AUDIT_SYSLOG: `tcp://127.0.0.1:${port}` });
    const other = await startSignedInWorklist(() => ({
      ICHOR_DATABASE_URL: worklist.database.url,
      ICHOR_AUDIT_SYSLOG: `tcp://127.0.0.1:${port}`,
    }));
    for (let count = 0; count < 250; count++)
      await writeAudit(worklist.database, { ...entry, act: 'sign-out', detail: `${count}` }, true);
    await eventually('every message', async () => (await waiting()) === 0);
    await other.stop();
    await worklist.restart();
    expect(codesOf(collector.received).filter((code) => code === '110114')).toHaveLength(250);
    await collector.stop();
  });
});

test('a collector that takes nothing and talks on is given up', async () => {
  const server = createServer((socket) => {
    socket.pause();
    const drip = setInterval(() => socket.write('.'), 20);
    socket.on('error', () => {}).on('close', () => clearInterval(drip));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const more = Buffer.alloc(32 * 1024 * 1024, 'x');
  const sending = sendSyslog({ transport: 'tcp', host: '127.0.0.1', port }, [more], 300);
  await expect(sending)
    .rejects.toThrow('not taken within 300 ms')
    .finally(() => server.close());
});
