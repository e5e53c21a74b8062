/** The receivers of others when they are down, refuse or hang: nothing lost, nothing doubled, positives first afterwards. */
import { listNotifications, resendNotifications } from '@ichor/store/rows/notification';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Hl7Peer, makePeer, PEERS } from '../support/hl7Peers.ts';
import { eventually, freePort } from '../support/ichor.ts';
import { addNotifiedResult, lanesFor, stateCounts, untilIdle, useNotifications } from '../support/notifications.ts';

let peer: Hl7Peer;
afterEach(async () => {
  await peer.close();
}, 30_000);
/** Its hook comes last: what a notifier waits for is closed before it. */
const notifications = useNotifications();

/** `1.2.3` and `1.2.5` are positive, and neither came first. */
const STATES = ['clear', 'not-analysed', 'clear', 'flagged', 'failed', 'flagged'] as const;
const POSITIVES_FIRST = ['1.2.3', '1.2.5', '1.2.0', '1.2.1', '1.2.2', '1.2.4'];

const addResults = async (env: Readonly<Record<string, string>>): Promise<void> => {
  for (const [index, state] of STATES.entries())
    await addNotifiedResult(notifications.database, lanesFor(env), { uid: `1.2.${index}`, state });
};
/** What the receiver took, in that order. */
const taken = (): string[] =>
  peer.arrived.filter(({ answer }) => answer === 'AA').map(({ studyInstanceUid }) => studyInstanceUid);
const untilArrived = (count: number) => eventually(`${count} messages`, async () => peer.arrived.length >= count);

describe.each(Object.entries(PEERS))('%s', (_name, listen) => {
  let env: Readonly<Record<string, string>>;
  beforeEach(async () => {
    const port = await freePort();
    peer = makePeer(listen, port);
    env = { ICHOR_HL7_DESTINATIONS: `127.0.0.1:${port}?app=RIS` };
  });

  test('goes down, and is back after a while', async () => {
    await peer.open();
    const notifier = await notifications.start(env);
    await addNotifiedResult(notifications.database, notifier.lanes, { uid: '1.2.9', state: 'clear' });
    await notifier.wake();
    await notifications.untilStates({ delivered: 1 });
    await peer.close();
    await addResults(env);
    await notifier.wake();
    await eventually('failed attempts', async () =>
      (await listNotifications(notifications.database, { state: 'pending' })).some(({ attempts }) => attempts > 1),
    );
    expect(await stateCounts(notifications.database)).toEqual({ delivered: 1, pending: 6 });
    await peer.open();
    await notifications.untilStates({ delivered: 7 });
    expect(taken()).toEqual(['1.2.9', ...POSITIVES_FIRST]);
    expect(peer.arrived).toHaveLength(7);
  }, 90_000);

  test('answers AE for a while', async () => {
    peer.behave(() => 'AE');
    await peer.open();
    await addResults(env);
    await notifications.start(env);
    await untilIdle(notifications.database);
    peer.behave(() => 'AA');
    await notifications.untilStates({ delivered: 6 });
    expect(taken().slice(0, 2).sort()).toEqual(POSITIVES_FIRST.slice(0, 2));
    expect(taken().slice(2)).toEqual(POSITIVES_FIRST.slice(2));
    expect(new Set(peer.arrived.map(({ controlId }) => controlId)).size).toBe(6);
  }, 90_000);

  test('answers AR to one study: a dead letter after one attempt, and the others go on', async () => {
    peer.behave((studyInstanceUid) => (studyInstanceUid === '1.2.3' ? 'AR' : 'AA'));
    await peer.open();
    await addResults(env);
    const notifier = await notifications.start(env);
    await notifications.untilStates({ dead: 1, delivered: 5 });
    expect(taken()).toEqual(POSITIVES_FIRST.slice(1));
    expect(peer.arrived).toHaveLength(6);
    const [dead] = await listNotifications(notifications.database, { state: 'dead' });
    expect(dead).toMatchObject({ studyInstanceUid: '1.2.3', error: expect.stringContaining('it answered AR') });
    peer.behave(() => 'AA');
    expect(await resendNotifications(notifications.database, dead!.id)).toHaveLength(1);
    await notifier.wake();
    await notifications.untilStates({ delivered: 6 });
    expect(peer.arrived.at(-1)).toEqual({ controlId: dead!.controlId, studyInstanceUid: '1.2.3', answer: 'AA' });
  }, 90_000);

  test('takes messages and gives no answer for a while', async () => {
    peer.behave(() => 'hang');
    await peer.open();
    await addResults(env);
    await notifications.start(env);
    await untilArrived(2);
    peer.behave(() => 'AA');
    await notifications.untilStates({ delivered: 6 });
    expect(taken()).toEqual(POSITIVES_FIRST);
    expect(new Set(peer.arrived.map(({ controlId }) => controlId)).size).toBe(6);
  }, 90_000);
});
