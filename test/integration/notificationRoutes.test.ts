/** Outgoing notifications on the page's API: who may see them, sending dead ones again, and the trail of it. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eventually, freePort } from '../support/ichor.ts';
import { addNotifiedResult, lanesFor } from '../support/notifications.ts';
import { type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
import { startDatagramCollector } from '../support/syslogCollector.ts';
import type { WebClient } from '../support/webClient.ts';
import { emptyTables } from '../support/worklistRows.ts';

const LANES = lanesFor({
  ICHOR_HL7_DESTINATIONS: 'ris.example:2575?app=RIS',
  ICHOR_WEBHOOKS: 'https://hook.example/ichor',
  ICHOR_WEBHOOK_SECRET: 'a secret of more than thirty-two characters',
});
let worklist: SignedInWorklist;
let clients: Record<'vera' | 'rada' | 'adam', WebClient>;
beforeAll(async () => {
  worklist = await startSignedInWorklist();
  await worklist.addUser('vera', 'viewer');
  await worklist.addUser('rada', 'radiologist');
  await worklist.addUser('adam', 'administrator');
  clients = {
    vera: await worklist.signIn('vera'),
    rada: await worklist.signIn('rada'),
    adam: await worklist.signIn('adam'),
  };
});
afterAll(() => worklist?.stop());
beforeEach(async () => {
  await emptyTables(worklist.database);
  await addNotifiedResult(worklist.database, LANES, { uid: '1.2.3', state: 'flagged' });
  await addNotifiedResult(worklist.database, LANES, { uid: '1.2.4', state: 'flagged' });
  await worklist.database.pool.query(
    `UPDATE notification SET state = 'dead', attempts = 4, error = 'AR: no such patient' WHERE study_instance_uid = '1.2.3' AND kind = 'hl7'`,
  );
});

type Row = { readonly id: number; readonly studyInstanceUid: string; readonly kind: string; readonly state: string };
type Lane = { readonly kind: string; readonly destination: string };
const RIS: Lane = { kind: 'hl7', destination: LANES.find(({ kind }) => kind === 'hl7')!.destination };
const HOOK: Lane = { kind: 'webhook', destination: LANES.find(({ kind }) => kind === 'webhook')!.destination };
async function list(query = ''): Promise<{ notifications: Row[]; dead: readonly (Lane & { count: number })[] }> {
  return (await clients.adam.send(`/api/notifications${query}`)).json() as never;
}
const resend = (
  client: WebClient,
  which: Lane | { id: unknown },
  origin: string | null = worklist.url,
): Promise<Response> =>
  client.send('/api/notifications/resend', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(origin !== null && { origin }) },
    body: JSON.stringify(which),
  });

test('an administrator sees them, filtered by state, kind and study, and how many are dead', async () => {
  const all = await list();
  expect([all.notifications.length, all.dead]).toEqual([4, [{ ...RIS, count: 1 }]]);
  expect((await list('?state=dead')).notifications).toEqual([
    expect.objectContaining({ studyInstanceUid: '1.2.3', kind: 'hl7', attempts: 4, error: 'AR: no such patient' }),
  ]);
  expect((await list('?kind=webhook')).notifications.map(({ kind }) => kind)).toEqual(['webhook', 'webhook']);
  expect((await list('?studyInstanceUid=1.2.4&state=pending')).notifications).toHaveLength(2);
  const wrong = await clients.adam.send('/api/notifications?state=lost');
  expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('pending, delivered or dead')]);
  expect(await (await clients.adam.send('/api/me')).json()).toMatchObject({ deadNotifications: 1 });
});

test('nobody else does, nor sends again, nor learns how many are dead', async () => {
  for (const client of [clients.vera, clients.rada]) {
    expect((await client.send('/api/notifications')).status).toBe(403);
    expect((await resend(client, { id: null })).status).toBe(403);
    expect(await (await client.send('/api/me')).json()).toMatchObject({ deadNotifications: null });
  }
  expect((await list()).dead).toEqual([{ ...RIS, count: 1 }]);
});

test('a dead one is due again once, and the trail says who did it', async () => {
  const [{ id }] = (await list('?state=dead')).notifications as [Row];
  expect(await (await resend(clients.adam, { id })).json()).toEqual({ resent: 1 });
  expect(await list('?state=dead')).toEqual({ notifications: [], dead: [] });
  const again = await resend(clients.adam, { id });
  expect([again.status, await again.text()]).toEqual([400, expect.stringContaining('pending already')]);
  expect((await trail()).slice(-1)).toEqual([`adam sent 1.2.3 again: notification ${id}`]);
});

const trail = async (): Promise<string[]> =>
  (
    await worklist.database.pool.query(
      `SELECT concat(actor, ' sent ', study_instance_uid, ' again: ', detail) AS said FROM audit WHERE act = 'resend' ORDER BY audit_id`,
    )
  ).rows.map(({ said }) => said);
const kill = (where: string) =>
  worklist.database.pool.query(`UPDATE notification SET state = 'dead' WHERE state = 'pending' AND ${where}`);

test('all dead ones of a destination are due again, those of another are not', async () => {
  await kill('true');
  expect((await list()).dead).toEqual([
    { ...RIS, count: 2 },
    { ...HOOK, count: 2 },
  ]);
  expect(await (await resend(clients.adam, HOOK)).json()).toEqual({ resent: 2 });
  expect((await list()).dead).toEqual([{ ...RIS, count: 2 }]);
  expect((await list('?state=pending')).notifications.map(({ kind }) => kind)).toEqual(['webhook', 'webhook']);
});

test('all dead ones are due again at once, with an entry in the trail for each', async () => {
  await kill('true');
  const known = (await trail()).length;
  expect(await (await resend(clients.adam, { id: null })).json()).toEqual({ resent: 4 });
  expect((await list('?state=pending')).notifications).toHaveLength(4);
  expect((await trail()).slice(known).map((said) => said.split(':')[0])).toEqual(
    expect.arrayContaining(['adam sent 1.2.3 again', 'adam sent 1.2.4 again']),
  );
  expect(await trail()).toHaveLength(known + 4);
});

test('the collector of audit messages is told who sent what again, of which study', async () => {
  const port = await freePort();
  const collector = await startDatagramCollector(port);
  try {
    await worklist.restart({ ICHOR_AUDIT_SYSLOG: `udp://127.0.0.1:${port}` });
    await resend(clients.adam, RIS);
    const resent = () => collector.received.find(({ xml }) => xml.includes('csd-code="resend"'));
    await eventually('the message', async () => resent() !== undefined);
    for (const part of ['UserID="adam"', 'ParticipantObjectID="1.2.3"', 'EventActionCode="R"'])
      expect(resent()!.xml).toContain(part);
  } finally {
    await worklist.restart();
    await collector.stop();
  }
});

test('a dead one that a later revision has overtaken counts no more and is not sent again', async () => {
  await addNotifiedResult(worklist.database, LANES, { uid: '1.2.3', state: 'clear' });
  await worklist.database.pool.query(`UPDATE notification SET state = 'delivered' WHERE revision = 2`);
  const { notifications, dead } = await list('?state=dead');
  expect([notifications, dead]).toEqual([[expect.objectContaining({ overtaken: true })], []]);
  expect((await resend(clients.adam, { id: notifications[0]!.id })).status).toBe(400);
  expect(await (await resend(clients.adam, { id: null })).json()).toEqual({ resent: 0 });
});

test.each([{ id: '1' }, { id: -1 }, { kind: 'fax', destination: 'x' }, { ...RIS, id: 1 }])(
  'a request for %j is refused',
  async (which) => {
    const answer = await resend(clients.adam, which as never);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('name an id')]);
  },
);

test.each(['https://evil.example', null])('a request from another site (%s) sends nothing again', async (origin) => {
  expect((await resend(clients.adam, { id: null }, origin)).status).toBe(403);
  expect((await list()).dead).toEqual([{ ...RIS, count: 1 }]);
});

test('the icon is there for strangers too, also where nothing names one', async () => {
  const icon = await fetch(`${worklist.url}/favicon.ico`);
  expect([icon.status, icon.headers.get('content-type')]).toEqual([200, 'image/svg+xml; charset=utf-8']);
  expect(await icon.text()).toMatch(/^<svg /);
});
