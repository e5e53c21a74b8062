/** HL7 v2 messages over real sockets: two receivers of others, and one that misbehaves. */

import { listNotifications, resendNotifications } from '@ichor/store/rows/notification';
import { escaped, personName } from '@ichor/worker/notification/hl7Message';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Server } from 'node-hl7-server';
import simpleHl7 from 'simple-hl7';
import { type Hl7Receiver, startHl7Receiver } from '../support/hl7Receiver.ts';
import { eventually, freePort } from '../support/ichor.ts';
import { addNotifiedResult, lanesFor, stateCounts, untilIdle, useNotifications } from '../support/notifications.ts';

let receivers: Hl7Receiver[] = [];

afterEach(async () => {
  for (const receiver of receivers) await receiver.stop();
  receivers = [];
}, 30_000);
/** Its hook comes last: what a notifier waits for is closed before it. */
const notifications = useNotifications();

const settings = (...ports: number[]) => ({
  ICHOR_HL7_DESTINATIONS: ports.map((port) => `127.0.0.1:${port}?app=RIS&facility=HOSPITAL`).join(','),
});
const receiver = async (port = 0): Promise<Hl7Receiver> => {
  const one = await startHl7Receiver(port);
  receivers.push(one);
  return one;
};
const uids = (one: Hl7Receiver): string[] => one.processed.map(({ studyInstanceUid }) => studyInstanceUid);

describe('receivers of others', () => {
  const STATES = ['flagged', 'clear', 'not-analysed', 'failed'] as const;
  const addAll = async (port: number): Promise<void> => {
    const lanes = lanesFor(settings(port));
    for (const [index, state] of STATES.entries())
      await addNotifiedResult(notifications.database, lanes, {
        uid: `1.2.${index}`,
        state,
        patientName: 'Müller^Jürgen=山田^太郎',
      });
  };

  test('node-hl7-server accepts and parses each kind of result', async () => {
    const port = await freePort();
    const parsed: string[] = [];
    const inbound = new Server({ bindAddress: '127.0.0.1' }).createInbound({ port }, async (request, response) => {
      const message = request.getMessage();
      const value = (path: string): string => message.get(path).toString();
      parsed.push([value('MSH.12'), value('OBR.25'), value('OBR.3'), value('PID.3'), value('PID.5.1')].join(' '));
      await response.sendResponse('AA');
    });
    await addAll(port);
    await notifications.start(settings(port));
    await notifications.untilStates({ delivered: 4 });
    await inbound.close();
    expect(parsed).toEqual([
      expect.stringMatching(/^2\.5\.1 P A-1 P-1 Müller/),
      expect.stringMatching(/^2\.5\.1 P A-1 P-1 Müller/),
      expect.stringMatching(/^2\.5\.1 I A-1 P-1 Müller/),
      expect.stringMatching(/^2\.5\.1 I A-1 P-1 Müller/),
    ]);
  }, 60_000);

  test('simple-hl7 accepts and parses each kind of result', async () => {
    const port = await freePort();
    const parsed: string[][] = [];
    const app = simpleHl7.tcp();
    app.use((request, _response, next) => {
      parsed.push(request.msg.toString().split('\r').slice(1).filter(Boolean));
      next();
    });
    app.use((_request, response) => response.end());
    app.start(port);
    await addAll(port);
    await notifications.start(settings(port));
    await notifications.untilStates({ delivered: 4 });
    app.stop();
    const [flagged, clear, notAnalysed] = parsed;
    const names = flagged!.map((one) => one.slice(0, 3));
    expect(names.slice(0, 3)).toEqual(['PID', 'OBR', 'NTE']);
    expect(names.every((name) => !name.startsWith('Z'))).toBe(true);
    const observation = (segments: string[], code: string) =>
      segments.find((one) => one.includes(`|${code}^`))?.split('|');
    expect(observation(flagged!, '113014')?.[5]).toBe('1.2.0');
    expect(observation(flagged!, 'ICH-SUBDURAL')?.slice(4)).toEqual(
      expect.arrayContaining(['52101004^Present^SCT', 'A', 'P']),
    );
    expect(observation(flagged!, 'ICH-SUBDURAL-SCORE')?.slice(5, 9)).toEqual(['0.98', '1^no units^UCUM', '<0.5', 'A']);
    expect(observation(flagged!, 'ICH-EPIDURAL')?.slice(5, 9)).toEqual(['373068000^Undetermined^SCT', '', '', '']);
    expect(observation(clear!, 'ICH-ANY')?.slice(4)).toEqual(
      expect.arrayContaining(['272519000^Absent^SCT', 'N', 'P']),
    );
    expect(observation(notAnalysed!, 'ICH-ANY')?.slice(5)).toEqual([
      '',
      '',
      '',
      '',
      '',
      '',
      'X',
      '',
      '',
      expect.anything(),
    ]);
    expect(notAnalysed!.join('\n')).toContain('fewer than 12 slices');
  }, 60_000);
});

test('while the receiver is down nothing is lost, and positives go first when it is back', async () => {
  const port = await freePort();
  const { lanes, wake } = await notifications.start(settings(port));
  for (let index = 0; index < 6; index++) {
    await addNotifiedResult(notifications.database, lanes, {
      uid: `1.2.${index}`,
      state: index % 3 === 2 ? 'flagged' : 'clear',
    });
    await wake();
  }
  await eventually('a failed attempt', async () =>
    (await listNotifications(notifications.database)).some(({ attempts }) => attempts > 1),
  );
  expect(await stateCounts(notifications.database)).toEqual({ pending: 6 });
  const back = await receiver(port);
  await notifications.untilStates({ delivered: 6 });
  expect(uids(back)).toEqual(['1.2.2', '1.2.5', '1.2.0', '1.2.1', '1.2.3', '1.2.4']);
  expect(back.arrived).toHaveLength(6);
}, 60_000);

test('a receiver that answers AE for a while gets everything once, with the same control ID on each attempt', async () => {
  const ris = await receiver();
  ris.behave((_message, nth) => (nth <= 5 ? 'AE' : 'AA'));
  const lanes = lanesFor(settings(ris.port));
  for (const index of [0, 1, 2])
    await addNotifiedResult(notifications.database, lanes, { uid: `1.2.${index}`, state: 'clear' });
  await notifications.start(settings(ris.port));
  await notifications.untilStates({ delivered: 3 });
  expect(new Set(uids(ris)).size).toBe(3);
  expect(new Set(ris.arrived.map(({ controlId }) => controlId)).size).toBe(3);
  expect(ris.arrived).toHaveLength(8);
}, 60_000);

test('after a while of AE the positive study is the first that is taken, also when it came last', async () => {
  const ris = await receiver();
  ris.behave(() => 'AE');
  const { lanes, wake } = await notifications.start(settings(ris.port));
  for (const index of [0, 1, 2])
    await addNotifiedResult(notifications.database, lanes, { uid: `1.2.${index}`, state: 'clear' });
  await wake();
  await eventually('refusals', async () => ris.arrived.length >= 6, 10_000);
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.9', state: 'flagged' });
  await wake();
  await eventually(
    'its refusal',
    async () => ris.arrived.some(({ studyInstanceUid }) => studyInstanceUid === '1.2.9'),
    10_000,
  );
  await untilIdle(notifications.database);
  ris.behave(() => 'AA');
  await notifications.untilStates({ delivered: 4 });
  expect(uids(ris)[0]).toBe('1.2.9');
}, 90_000);

test('a message that is always answered AE delays no other study', async () => {
  const ris = await receiver();
  ris.behave(({ studyInstanceUid }) => (studyInstanceUid === '1.2.0' ? 'AE' : 'AA'));
  const lanes = lanesFor(settings(ris.port));
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.0', state: 'flagged' });
  for (const index of [1, 2, 3])
    await addNotifiedResult(notifications.database, lanes, { uid: `1.2.${index}`, state: 'clear' });
  await notifications.start(settings(ris.port));
  await eventually('the others', async () => (await stateCounts(notifications.database))['delivered'] === 3);
  expect(uids(ris)).toEqual(['1.2.1', '1.2.2', '1.2.3']);
}, 60_000);

test('AR is a dead letter at once with its reason, and goes out again when asked for', async () => {
  const ris = await receiver();
  ris.behave(() => 'AR');
  await addNotifiedResult(notifications.database, lanesFor(settings(ris.port)), { uid: '1.2.1', state: 'flagged' });
  const { wake } = await notifications.start(settings(ris.port));
  await notifications.untilStates({ dead: 1 });
  const [dead] = await listNotifications(notifications.database, { state: 'dead' });
  expect(dead).toMatchObject({ attempts: 1, error: expect.stringContaining('it answered AR') });
  const incident = await eventually('the incident', async () => {
    const { rows } = await notifications.database.pool.query('SELECT code, message FROM incident');
    return rows[0];
  });
  expect(incident.code).toBe('NOTIFICATION_REFUSED');
  expect(incident.message).not.toContain('DOE');
  ris.behave(() => 'AA');
  expect(await resendNotifications(notifications.database, dead!.id)).toHaveLength(1);
  await wake();
  await notifications.untilStates({ delivered: 1 });
  expect(ris.processed.map(({ controlId }) => controlId)).toEqual([dead!.controlId]);
}, 60_000);

test.each(['hang', 'garbage', 'other message', 'close'] as const)(
  'a receiver that answers with %s is tried again',
  async (fault) => {
    const ris = await receiver();
    ris.behave((_message, nth) => (nth <= 2 ? fault : 'AA'));
    const lanes = lanesFor(settings(ris.port));
    for (const index of [0, 1])
      await addNotifiedResult(notifications.database, lanes, { uid: `1.2.${index}`, state: 'clear' });
    await notifications.start(settings(ris.port));
    await notifications.untilStates({ delivered: 2 });
    expect(ris.processed).toHaveLength(2);
    expect(ris.arrived).toHaveLength(4);
  },
  60_000,
);

test.each(['CA', 'in pieces', 'several'] as const)(
  'an acknowledgement that comes as %s counts',
  async (answer) => {
    const ris = await receiver();
    ris.behave(() => answer);
    await addNotifiedResult(notifications.database, lanesFor(settings(ris.port)), { uid: '1.2.1', state: 'clear' });
    await notifications.start(settings(ris.port));
    await notifications.untilStates({ delivered: 1 });
    expect(ris.arrived).toHaveLength(1);
  },
  60_000,
);

test('when an ACK is lost the same message comes again, byte for byte, and the receiver can drop it', async () => {
  const ris = await receiver();
  ris.behave((_message, nth) => (nth === 1 ? 'lost ACK' : 'AA'));
  await addNotifiedResult(notifications.database, lanesFor(settings(ris.port)), { uid: '1.2.1', state: 'flagged' });
  await notifications.start(settings(ris.port));
  await notifications.untilStates({ delivered: 1 });
  expect(ris.arrived).toHaveLength(2);
  expect(ris.arrived[0]!.text).toBe(ris.arrived[1]!.text);
  expect(ris.processed).toHaveLength(1);
}, 60_000);

test('a later revision waits for the former one and is a correction; an overtaken one is not sent again', async () => {
  const ris = await receiver();
  ris.behave((_message, nth) => (nth === 1 ? 'AE' : 'AA'));
  const lanes = lanesFor(settings(ris.port));
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.1', state: 'clear' });
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.1', state: 'flagged' });
  await addNotifiedResult(notifications.database, lanes, { uid: '1.2.1', state: 'not-analysed' });
  await notifications.start(settings(ris.port));
  await notifications.untilStates({ delivered: 3 });
  const statusOf = (text: string) => /\rOBR(?:\|[^|\r]*){24}\|([A-Z])/.exec(text)?.[1];
  expect(ris.processed.map(({ text }) => statusOf(text))).toEqual(['P', 'C', 'I']);
  expect(ris.processed[2]!.text).toMatch(/ICH-ANY\^[^\r]*\|X\|/);
  const first = (await listNotifications(notifications.database)).at(-1)!;
  expect(await resendNotifications(notifications.database, first.id)).toHaveLength(0);
}, 60_000);

test('a receiver that is dead or hangs delays no other receiver', async () => {
  const [dead, hanging, healthy] = [await freePort(), await receiver(), await receiver()];
  hanging.behave(() => 'hang');
  const env = settings(dead, hanging.port, healthy.port);
  for (const index of [0, 1, 2, 3, 4])
    await addNotifiedResult(notifications.database, lanesFor(env), { uid: `1.2.${index}`, state: 'flagged' });
  await notifications.start({ ...env, ICHOR_NOTIFICATION_TIMEOUT_MS: '60000' });
  await eventually('the healthy one', async () => healthy.processed.length === 5, 20_000);
  expect(hanging.arrived).toHaveLength(1);
}, 60_000);

test('what no receiver takes within the time to live is dead', async () => {
  await addNotifiedResult(notifications.database, lanesFor(settings(await freePort())), {
    uid: '1.2.1',
    state: 'flagged',
  });
  const { destination } = (await listNotifications(notifications.database))[0]!;
  await notifications.start({ ICHOR_HL7_DESTINATIONS: destination, ICHOR_DELIVERY_TTL_MS: '1000' });
  await notifications.untilStates({ dead: 1 });
  expect((await listNotifications(notifications.database))[0]!.error).toContain('Given up after 1000 ms');
}, 60_000);

describe('escaping', () => {
  /** Text that a person name or a reason may hold: delimiters, framing characters, other scripts. */
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...'|^&~\\\r\n\x0b\x1c'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
  });
  const unescaped = (value: string): string =>
    value.replace(/\\(?:X([0-9A-F]{2})|([EFSTR]))\\/g, (_all, hex, letter) =>
      hex ? String.fromCharCode(Number.parseInt(hex, 16)) : { E: '\\', F: '|', S: '^', T: '&', R: '~' }[letter as 'E']!,
    );

  test('any text survives simple-hl7: one field, one component, the same text', () => {
    fc.assert(
      fc.property(text, (value) => {
        const message = `MSH|^~\\&|ICHOR\rPID|1||P-1||${escaped(value)}^Given\r`;
        const [header, patient, ...rest] = new simpleHl7.Parser().parse(message).toString().split('\r').filter(Boolean);
        const fields = patient!.split('|');
        expect([header!.slice(0, 3), fields.length, rest]).toEqual(['MSH', 6, []]);
        expect(fields[5]!.split('^').map(unescaped)).toEqual([value, 'Given']);
      }),
    );
  });

  test('a name keeps its groups, with prefix and suffix where HL7 has them', () => {
    expect(personName('O|Brien^Ann^M^Dr^Jr')).toBe('O\\F\\Brien^Ann^M^Jr^Dr');
    expect(personName('Yamada^Tarou=山田^太郎=やまだ^たろう')).toBe(
      'Yamada^Tarou^^^^^^A~山田^太郎^^^^^^I~やまだ^たろう^^^^^^P',
    );
    expect(personName(null)).toBe('');
  });
});
