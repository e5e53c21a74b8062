/** A delivery or a notification that can never be made comes to its end, and holds up no other. */
import { loadConfig } from '@ichor/settings/config';
import { beginAttempt } from '@ichor/store/rows/delivery';
import { openIncidents } from '@ichor/store/rows/incident';
import { claim, expire } from '@ichor/store/rows/notification';
import { runDelivery } from '@ichor/worker/delivery/runDelivery';
import { runNotification } from '@ichor/worker/notification/runNotification';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { addNotifiedResult } from '../support/notifications.ts';
import { silentLog } from '../support/postgres.ts';
import { refusing } from '../support/refusing.ts';
import { openTriageBench, type TriageBench } from '../support/triage.ts';
import { addDelivery, addResult, addStudy, emptyTables } from '../support/worklistRows.ts';

const LANE = { kind: 'webhook', destination: 'https://127.0.0.1:1' } as const;
const DAY = "interval '2 days'";

let bench: TriageBench;
beforeAll(async () => {
  bench = await openTriageBench();
});
afterAll(() => bench?.stop());
beforeEach(() => emptyTables(bench.database));

describe('a delivery', () => {
  let resultId: number;
  const job = () => ({ resultId, destination: 'HOSPPACS' });
  const run = async (): Promise<unknown> => {
    const incidents = openIncidents(bench.database, silentLog);
    const { config, database, log } = bench.context();
    await runDelivery({ config, database, log, incidents }, job());
    await incidents.close();
    const { rows } = await bench.database.pool.query('SELECT state, attempts, error FROM delivery');
    return rows[0];
  };
  const incidents = async (): Promise<unknown[]> =>
    (await bench.database.pool.query('SELECT code FROM incident')).rows.map(({ code }) => code);
  beforeEach(async () => {
    await addStudy(bench.database, { uid: '1.2.3', state: 'flagged' });
    resultId = await addResult(bench.database, '1.2.3', 'flagged');
    const row = { kind: 'SR', uid: '1.2.4', destination: 'HOSPPACS', state: 'pending', attempts: 0 } as const;
    await addDelivery(bench.database, resultId, row);
  });

  test('whose worker dies of each attempt is given up when its time is over, without another try', async () => {
    for (let death = 0; death < 3; death++) await beginAttempt(bench.database, job());
    await bench.database.pool.query(`UPDATE delivery SET pending_since = now() - ${DAY}`);
    expect(await run()).toEqual({
      state: 'dead',
      attempts: 4,
      error: expect.stringContaining('no attempt came to an end'),
    });
    expect(await incidents()).toEqual(['DELIVERY_EXPIRED']);
  });

  test('that waited long for a worker is tried all the same', async () => {
    await bench.database.pool.query(`UPDATE delivery SET pending_since = now() - ${DAY}`);
    expect(await run()).toMatchObject({ attempts: 1, error: expect.not.stringContaining('no attempt came') });
  });
});

describe('a notification', () => {
  beforeEach(() => addNotifiedResult(bench.database, [LANE], { uid: '1.2.3', state: 'flagged' }));
  const rows = async () =>
    (
      await bench.database.pool.query(
        'SELECT state, attempts, error, notification_id AS id FROM notification ORDER BY 4',
      )
    ).rows;

  test('whose content cannot be read is counted and waits its turn', async () => {
    await addNotifiedResult(bench.database, [LANE], { uid: '1.2.4', state: 'clear' });
    const config = loadConfig({ ICHOR_WEBHOOKS: LANE.destination, ICHOR_WEBHOOK_SECRET: 's'.repeat(32) });
    const context = { ...bench.context(), config, incidents: openIncidents(bench.database, silentLog) };
    const database = refusing(bench.database, /FROM result r JOIN study/);
    const [first] = await rows();
    await runNotification({ ...context, database }, LANE, { notificationId: Number(first.id) });
    expect((await rows()).map(({ state, attempts }) => [state, attempts])).toEqual([
      ['pending', 1],
      ['pending', 1],
    ]);
    await context.incidents.close();
  });

  test('whose worker dies of each attempt is given up when its time is over', async () => {
    expect(await claim(bench.database, LANE, 0)).toMatchObject({ attempts: 0 });
    expect(await claim(bench.database, LANE, 0)).toMatchObject({ attempts: 1 });
    await bench.database.pool.query(`UPDATE notification SET pending_since = now() - ${DAY}`);
    await expire(bench.database, [LANE], 86_400_000, 'over');
    expect(await rows()).toMatchObject([{ state: 'dead', attempts: 2 }]);
  });
});
