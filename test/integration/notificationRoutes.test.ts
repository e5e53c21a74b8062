/** Outgoing notifications on the page's API: who may see them, sending dead ones again, and the trail of it. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { addNotifiedResult, lanesFor } from '../support/notifications.ts';
import { type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
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
async function list(query = ''): Promise<{ notifications: Row[]; dead: number }> {
  return (await clients.adam.send(`/api/notifications${query}`)).json() as never;
}
const resend = (client: WebClient, id: number | null, origin: string | null = worklist.url): Promise<Response> =>
  client.send('/api/notifications/resend', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(origin !== null && { origin }) },
    body: JSON.stringify({ id }),
  });

test('an administrator sees them, filtered by state, kind and study, and how many are dead', async () => {
  const all = await list();
  expect([all.notifications.length, all.dead]).toEqual([4, 1]);
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
    expect((await resend(client, null)).status).toBe(403);
    expect(await (await client.send('/api/me')).json()).toMatchObject({ deadNotifications: null });
  }
  expect((await list()).dead).toBe(1);
});

test('a dead one is due again once, and the trail says who did it', async () => {
  const [{ id }] = (await list('?state=dead')).notifications as [Row];
  expect(await (await resend(clients.adam, id)).json()).toEqual({ resent: 1 });
  expect(await list('?state=dead')).toEqual({ notifications: [], dead: 0 });
  const again = await resend(clients.adam, id);
  expect([again.status, await again.text()]).toEqual([400, expect.stringContaining('pending already')]);
  const { rows } = await worklist.database.pool.query(
    `SELECT actor, detail FROM audit WHERE act = 'resend' ORDER BY audit_id DESC LIMIT 1`,
  );
  expect(rows).toEqual([{ actor: 'adam', detail: `notification ${id}` }]);
});

test('all dead ones are due again at once', async () => {
  await worklist.database.pool.query(`UPDATE notification SET state = 'dead'`);
  expect(await (await resend(clients.adam, null)).json()).toEqual({ resent: 4 });
  expect((await list('?state=pending')).notifications).toHaveLength(4);
});

test.each(['https://evil.example', null])('a request from another site (%s) sends nothing again', async (origin) => {
  expect((await resend(clients.adam, null, origin)).status).toBe(403);
  expect((await list()).dead).toBe(1);
});
