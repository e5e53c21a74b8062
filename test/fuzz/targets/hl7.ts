/** `hl7`: a hostile HL7 receiver against the sender of results, and hostile values in what is sent. */
import { join } from 'node:path';
import type { ResultView } from '@ichor/store/studyView';
import type { Dice } from '../dice.ts';
import { hostileReply, type Reply, SOUND_REPLIES, soundReply } from '../hl7/acknowledgements.ts';
import { contentOf } from '../hl7/hostileContent.ts';
import { type HostileReceiver, startHostileReceiver } from '../hl7/hostileReceiver.ts';
import { judgeMessage } from '../hl7/judgeMessage.ts';
import { memoryFault } from '../ichorNode.ts';
import { mebibytes, residentBytes } from '../processMemory.ts';
import type { Attack, Fault, Input, Target, Verdict } from '../target.ts';
import { startVictim, type Victim } from '../victim.ts';
import type { FromSender, ToSender } from './hl7Victim.ts';

const SENDERS = 3;
const DEADLINE_MS = 10_000;
/** What Node keeps of what it freed: an answer may be 1 MB, and comes in pieces that are joined. */
const MOST_GROWTH_BYTES = 300_000_000;
/** MSH-10; another one for each input, so that a message that comes late is not taken for the next. */
const controlIdOf = (index: number): string => `FUZZ${String(index).padStart(10, '0')}`;
const OUTCOMES = ['delivered', 'NOTIFICATION_DEFERRED', 'NOTIFICATION_REFUSED', 'NOTIFICATION_UNANSWERED'];

type Hl7Input = Input & {
  readonly controlId: string;
  readonly reply: Reply;
  readonly content: ResultView;
  readonly sound: boolean;
};
/** A sender and the receiver that it knows. */
type Pair = { readonly receiver: HostileReceiver; readonly sender: Victim<ToSender, FromSender> };

export const hl7: Target = {
  name: 'hl7',
  checkEvery: 1_000,
  async open() {
    const pairs = await Promise.all(Array.from({ length: SENDERS }, openPair));
    return attackOf(pairs);
  },
};

async function openPair(): Promise<Pair> {
  const entry = join(import.meta.dirname, 'hl7Victim.ts');
  return {
    receiver: await startHostileReceiver(),
    sender: await startVictim<ToSender, FromSender>(entry, { deadlineMs: DEADLINE_MS }),
  };
}

async function give({ receiver, sender }: Pair, { reply, content, bytes, controlId }: Hl7Input) {
  receiver.prepare(reply, controlId);
  return sender.ask({ port: receiver.port, controlId, content, ack: bytes.toString('latin1') });
}

function attackOf(pairs: readonly Pair[]): Attack<Hl7Input> {
  let [usual, most] = [0, 0];
  const free = [...pairs];
  /** Gives the input to a pair that nobody uses. */
  const withPair = async <T>(work: (pair: Pair) => Promise<T>): Promise<T> => {
    while (free.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const pair = free.pop()!;
    return work(pair).finally(() => free.unshift(pair));
  };
  return {
    corpusSize: SOUND_REPLIES,
    concurrency: SENDERS,
    wanted: [
      ...OUTCOMES.map((outcome) => ({ row: 'changed answers', outcome: new RegExp(`^${outcome}$`) })),
      ...OUTCOMES.slice(0, 3).map((outcome) => ({ row: 'sound answers', outcome: new RegExp(`^${outcome}$`) })),
      { row: 'message', outcome: /^parsed$/ },
    ],
    make: inputOf,
    run: (input) =>
      withPair(async (pair) => {
        const asked = await give(pair, input);
        if ('fault' in asked) return { cells: [], faults: [asked.fault] };
        return verdictOf(input, asked.answer, pair.receiver.received());
      }),
    check: () =>
      withPair(async (pair) => {
        const [good, pid] = [await give(pair, soundInput(0, contentOf(ALWAYS_FIRST, false))), pair.sender.pid()];
        const faults: Fault[] = [];
        if (!('answer' in good) || !('outcome' in good.answer) || good.answer.outcome !== 'delivered')
          faults.push({ kind: 'good-study', message: `a good result is not delivered: ${JSON.stringify(good)}` });
        const now = pid === null ? 0 : residentBytes(pid);
        if (usual === 0) usual = now;
        most = Math.max(most, now);
        return [...faults, ...memoryFault(now, usual, MOST_GROWTH_BYTES)];
      }),
    figures: () => [`memory of the sender ${mebibytes(usual)} at first, ${mebibytes(most)} at most`],
    async close() {
      for (const { sender, receiver } of pairs) {
        sender.close();
        await receiver.close();
      }
    },
  };
}

/** Dice that always show the first face. */
const ALWAYS_FIRST: Dice = {
  chance: () => false,
  pick: (values) => values[0]!,
  whole: (low) => low,
  few: () => 1,
  bytes: (count) => Buffer.alloc(count),
};

function soundInput(nth: number, content: ResultView): Hl7Input {
  const controlId = controlIdOf(nth);
  const reply = soundReply(nth, controlId);
  return { bytes: reply.bytes, about: 'a sound answer', controlId, reply, content, sound: true };
}

function inputOf(dice: Dice, index: number): Hl7Input {
  if (index < SOUND_REPLIES) return soundInput(index, contentOf(dice, false));
  const controlId = controlIdOf(index);
  const [reply, content] = [hostileReply(dice, controlId), contentOf(dice, true)];
  return {
    bytes: reply.bytes,
    about: `${reply.bytes.length} bytes in pieces of ${reply.pieceBytes}, then ${reply.end}`,
    controlId,
    reply,
    content,
    sound: false,
  };
}

function verdictOf({ controlId, reply, content, sound }: Hl7Input, answer: FromSender, message: string): Verdict {
  if (answer.kind !== 'sent') return { cells: [], faults: [] };
  const problems = message === '' ? [] : judgeMessage(message, content);
  const unproven = answer.outcome === 'delivered' && !acknowledges(reply.bytes, controlId);
  const improper = !answer.outcome.startsWith('NOTIFICATION_') && answer.outcome !== 'delivered';
  return {
    cells: [
      { row: sound ? 'sound answers' : 'changed answers', outcome: answer.outcome },
      { row: 'message', outcome: message === '' ? 'not sent' : problems.length === 0 ? 'parsed' : 'wrong' },
    ],
    faults: [
      ...problems.map((problem): Fault => ({ kind: 'improper-answer', message: problem })),
      ...(unproven
        ? [{ kind: 'lost', message: 'a result counts as delivered that nobody acknowledged' } as const]
        : []),
      ...(improper ? [{ kind: 'improper-answer', message: `${answer.outcome}: ${answer.message}` } as const] : []),
    ],
  };
}

/** Whether the bytes hold an acceptance of our message, whatever stands around it. */
const acknowledges = (bytes: Buffer, controlId: string): boolean =>
  new RegExp(`MSA[^]{1,2}(AA|CA)[^]{1,2}\\s*${controlId}`).test(bytes.toString('latin1'));
