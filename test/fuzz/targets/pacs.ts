/** `pacs`: a hostile archive against the sender of reports and heat maps. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openWorkFolder } from '../../support/workFolder.ts';
import { makeCorpus, part10Of } from '../corpus/instances.ts';
import { type Dice, diceOf } from '../dice.ts';
import { changedBy, type HostilePacs, soundly, startHostilePacs } from '../dimse/hostilePacs.ts';
import { memoryFault } from '../ichorNode.ts';
import { mebibytes, residentBytes } from '../processMemory.ts';
import type { Attack, Fault, Input, Target, Verdict } from '../target.ts';
import { startVictim, type Victim } from '../victim.ts';
import type { FromDelivery, ToDelivery } from './pacsVictim.ts';

const SENDERS = 4;
const DEADLINE_MS = 15_000;
const MOST_GROWTH_BYTES = 300_000_000;

type Sender = Victim<ToDelivery, FromDelivery>;
type Pair = { readonly pacs: HostilePacs; readonly sender: Sender };
/** The answers come from dice of their own, which the seed of the input makes. */
type PacsInput = Input & { readonly answers: number | null; readonly commits: boolean };

export const pacs: Target = {
  name: 'pacs',
  checkEvery: 500,
  async open() {
    const folder = await openWorkFolder('fuzz-pacs');
    const { images, others } = await makeCorpus(join(folder.path, 'study'));
    await mkdir(join(folder.path, 'objects'));
    const files = [images[0]!, images[4]!, others.at(-1)!].map((instance, index) => ({
      instance,
      path: join(folder.path, 'objects', `${index}.dcm`),
    }));
    for (const { instance, path } of files) await writeFile(path, part10Of(instance));
    const pairs = await Promise.all(Array.from({ length: SENDERS }, openPair));
    return attackOf(
      pairs,
      files.map(({ path }) => path),
      () => folder.remove(),
    );
  },
};

async function openPair(): Promise<Pair> {
  const entry = join(import.meta.dirname, 'pacsVictim.ts');
  return {
    pacs: await startHostilePacs(),
    sender: await startVictim<ToDelivery, FromDelivery>(entry, { deadlineMs: DEADLINE_MS }),
  };
}

function attackOf(pairs: readonly Pair[], files: readonly string[], remove: () => Promise<void>): Attack<PacsInput> {
  let [usual, most] = [0, 0];
  const free = [...pairs];
  const withPair = async <T>(work: (pair: Pair) => Promise<T>): Promise<T> => {
    while (free.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const pair = free.pop()!;
    return work(pair).finally(() => free.unshift(pair));
  };
  const give = ({ pacs: archive, sender }: Pair, { answers, commits }: PacsInput) => {
    archive.prepare(answers === null ? soundly : changedBy(diceOf(answers, 0)));
    return sender.ask({ port: archive.port, files, commits });
  };
  return {
    corpusSize: SOUND.length,
    concurrency: SENDERS,
    wanted: [
      { row: 'store', outcome: /^stored$/ },
      { row: 'store', outcome: /^ASSOCIATION_LOST$/ },
      { row: 'store', outcome: /^DESTINATION_UNREACHABLE$/ },
      { row: 'commit', outcome: /^commitment accepted$/ },
    ],
    make: inputOf,
    run: (input) =>
      withPair(async (pair) => {
        const asked = await give(pair, input);
        if ('fault' in asked)
          return { cells: [{ row: rowOf(input), outcome: asked.fault.kind }], faults: [asked.fault] };
        return verdictOf(input, asked.answer, pair.pacs.sent());
      }),
    check: () =>
      withPair(async (pair) => {
        const good = await give(pair, SOUND[0]!);
        const pid = pair.sender.pid();
        const faults: Fault[] = [];
        if (!('answer' in good) || !('stored' in good.answer) || good.answer.stored !== files.length)
          faults.push({ kind: 'good-study', message: `good objects are not delivered: ${JSON.stringify(good)}` });
        const now = pid === null ? 0 : residentBytes(pid);
        if (usual === 0) usual = now;
        most = Math.max(most, now);
        return [...faults, ...memoryFault(now, usual, MOST_GROWTH_BYTES)];
      }),
    figures: () => [`memory of the sender ${mebibytes(usual)} at first, ${mebibytes(most)} at most`],
    async close() {
      for (const pair of pairs) {
        pair.sender.close();
        await pair.pacs.close();
      }
      await remove();
    },
  };
}

const SOUND: readonly PacsInput[] = [false, true].map((commits) => ({
  bytes: Buffer.alloc(0),
  about: 'sound answers',
  answers: null,
  commits,
}));

function inputOf(dice: Dice, index: number): PacsInput {
  const sound = SOUND[index];
  if (sound !== undefined) return sound;
  const answers = dice.whole(0, 0x7fffffff);
  return {
    bytes: Buffer.from(String(answers)),
    about: `answers of dice ${answers}`,
    answers,
    commits: dice.chance(0.1),
  };
}

const rowOf = ({ commits }: PacsInput): string => (commits ? 'commit' : 'store');

function verdictOf(input: PacsInput, answer: FromDelivery, sent: Buffer): Verdict {
  if (answer.kind !== 'done') return { cells: [], faults: [] };
  const { stored, outcomes, detail } = answer;
  const names = [...(stored > 0 ? ['stored'] : []), ...outcomes];
  const improper = outcomes.filter((code) => code === 'INTERNAL');
  const accepted = acceptances(sent);
  return {
    cells: names.map((outcome) => ({ row: rowOf(input), outcome })),
    faults: [
      ...improper.map((code): Fault => ({ kind: 'improper-answer', message: `${code}: ${detail}` })),
      ...(stored > accepted
        ? [{ kind: 'lost', message: `${stored} count as stored, ${accepted} were accepted` } as const]
        : []),
    ],
  };
}

/** How many statuses that mean "stored" (PS3.4 table B.2-1) the bytes hold, whatever stands around them, in pieces or not. */
function acceptances(bytes: Buffer): number {
  const count = (one: Buffer): number => [...one.toString('latin1').matchAll(STORED)].length;
  return Math.max(count(bytes), count(piecesOf(bytes)));
}

/** The values of all PDVs that fit into their PDU, joined. */
function piecesOf(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at + 6 <= bytes.length; at += 6 + bytes.readUInt32BE(at + 2)) {
    const body = bytes.subarray(at + 6, at + 6 + bytes.readUInt32BE(at + 2));
    for (let pdv = 0; pdv + 6 <= body.length; pdv += 4 + body.readUInt32BE(pdv))
      if (pdv + 4 + body.readUInt32BE(pdv) <= body.length)
        pieces.push(body.subarray(pdv + 6, pdv + 4 + body.readUInt32BE(pdv)));
  }
  return Buffer.concat(pieces);
}

/** The element Status (0000,0900) with 0000, 0111 or Bxxx. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: bytes
const STORED = /\x00\x00\x00\x09\x02\x00\x00\x00(?:\x00\x00|\x11\x01|[\x00-\xff][\xb0-\xbf])/g;
