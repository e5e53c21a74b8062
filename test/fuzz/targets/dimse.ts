/** `dimse`: changed conversations of several hostile peers at once, against a receiver process over real sockets. */
import { join } from 'node:path';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { eventually, freePort } from '../../support/ichor.ts';
import { silentLog, startPostgres } from '../../support/postgres.ts';
import { connectRaw } from '../../support/rawPeer.ts';
import { openWorkFolder } from '../../support/workFolder.ts';
import { type CorpusInstance, makeCorpus } from '../corpus/instances.ts';
import type { Cell, WantedCell } from '../coverage.ts';
import type { Dice } from '../dice.ts';
import { type Conversation, conversationsOf } from '../dimse/conversations.ts';
import { storeGoodStudy } from '../dimse/goodStudy.ts';
import { mutatePdus } from '../dimse/mutatePdus.ts';
import { type Sent, sentIn } from '../dimse/sentStores.ts';
import { type Answer, speak } from '../dimse/speak.ts';
import { isStored } from '../dimse/storedBytes.ts';
import { bytesOf } from '../dimse/wire.ts';
import { type IchorNode, memoryFault, startNode } from '../ichorNode.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { mutateInstance } from '../mutate/instance.ts';
import { mebibytes } from '../processMemory.ts';
import type { Attack, Fault, Input, Target } from '../target.ts';

const PEERS = 6;
const MAX_MEMORY_BYTES = 67_108_864;
/** Twice what instances may take (received, and joined for the spool), and what Node keeps of what it freed. */
const MOST_GROWTH_BYTES = 2 * MAX_MEMORY_BYTES + 300_000_000;
const SETTINGS = {
  ICHOR_MAX_MEMORY_BYTES: String(MAX_MEMORY_BYTES),
  ICHOR_MAX_INSTANCE_BYTES: '33554432',
  ICHOR_DISK_FLOOR_BYTES: '0',
  ICHOR_ARTIM_MS: '3000',
  ICHOR_IDLE_TIMEOUT_MS: '5000',
  ICHOR_QUIET_PERIOD_MS: '3000',
  ICHOR_LOG_LEVEL: 'warn',
};

type DimseInput = Input & { readonly conversation: Conversation; readonly pieceBytes: number };
type Parts = {
  readonly node: IchorNode;
  readonly port: number;
  readonly spool: string;
  readonly database: Database;
  readonly conversations: readonly Conversation[];
  readonly images: readonly CorpusInstance[];
};

export const dimse: Target = {
  name: 'dimse',
  checkEvery: 1_000,
  async open() {
    const [folder, postgres, port] = [await openWorkFolder('fuzz-dimse'), await startPostgres(), await freePort()];
    const { images, others } = await makeCorpus(join(folder.path, 'study'));
    const data = join(folder.path, 'data');
    const env = { ...SETTINGS, ICHOR_DATA_DIR: data, ICHOR_DATABASE_URL: postgres.url, ICHOR_DICOM_PORT: String(port) };
    const node = await startNode('receiver', env, () => untilListening(port));
    const database = await openDatabase({ databaseUrl: postgres.url, dataDir: data }, silentLog);
    const conversations = conversationsOf(images, others);
    return attackOf({ node, port, spool: join(data, 'spool'), database, conversations, images }, async () => {
      await node.stop();
      await database.close();
      await postgres.stop();
      await folder.remove();
    });
  },
};

const untilListening = (port: number) =>
  eventually('the DICOM port', async () => {
    (await connectRaw(port)).socket.destroy();
    return true;
  });

function attackOf(parts: Parts, close: () => Promise<void>): Attack<DimseInput> {
  const { node, conversations } = parts;
  let [usual, most, goodStudies, verified] = [0, 0, 0, 0];
  return {
    corpusSize: conversations.length,
    concurrency: PEERS,
    wanted: WANTED,
    make: (dice, index) => inputOf(conversations, dice, index),
    async run({ bytes, conversation, pieceBytes }) {
      const sent = sentIn(bytes);
      const answer = await speak(parts.port, bytes, sent, pieceBytes);
      const lost = await unstored(parts.spool, sent, answer, conversation.transferSyntaxUid);
      verified += answer.responses.filter(({ status }) => status === 0).length;
      return { cells: cellsOf(conversation, answer), faults: [...faultsOf(sent, answer), ...lost] };
    },
    async check() {
      const faults = [
        ...(await node.faults()),
        ...(await storeGoodStudy(parts, ++goodStudies)),
        ...(await internalIncidents(parts)),
      ];
      const { now, peak } = node.memory();
      if (usual === 0) usual = now;
      most = Math.max(most, peak);
      return [...faults, ...memoryFault(now, usual, MOST_GROWTH_BYTES)];
    },
    figures: () => [
      `memory of the receiver ${mebibytes(usual)} at first, ${mebibytes(most)} at most; instances may take ${mebibytes(MAX_MEMORY_BYTES)}`,
      `${verified} answers of Success looked after in the spool, ${goodStudies} good studies stored between`,
    ],
    close,
  };
}

/** The corpus as it is; then changed instances in sound conversations, and changed conversations. */
function inputOf(conversations: readonly Conversation[], dice: Dice, index: number): DimseInput {
  const conversation = conversations[index % conversations.length]!;
  const { name, instances } = conversation;
  if (index < conversations.length)
    return { bytes: bytesOf(conversation.pdus()), about: `${name}, as it is`, conversation, pieceBytes: 1_000_000 };
  const changesInstances = instances.length > 0 && dice.chance(0.6);
  const given = changesInstances ? instances.map((one) => mutateInstance(one, dice)) : instances;
  const pdus = conversation.pdus(given);
  const changesPdus = !changesInstances || dice.chance(0.2);
  const bytes = bytesOf(changesPdus ? mutatePdus(pdus, dice) : pdus);
  const about = `${name}${changesInstances ? ', instances changed' : ''}${changesPdus ? ', PDUs changed' : ''}`;
  const pieceBytes = dice.pick([1_000_000, 1_000_000, 5_000, 1_400, dice.few(200) + 20]);
  return { bytes: dice.chance(0.1) ? mutateBytes(bytes, dice) : bytes, about, conversation, pieceBytes };
}

/** PS3.4 table B.2-1 and PS3.7 annex C. */
const STATUSES = new Set([
  0, 0xa700, 0xa900, 0xc000, 0x0110, 0x0111, 0x0112, 0x0114, 0x0115, 0x0117, 0x0118, 0x0119, 0x0122, 0x0124, 0x0211,
  0x0212,
]);

function faultsOf(sent: Sent, { responses, improper, late, end }: Answer): Fault[] {
  const strange = responses.filter(({ status, comment }) => !STATUSES.has(status) || /Unexpected fault/.test(comment));
  return [
    ...improper.map((message): Fault => ({ kind: 'improper-answer', message })),
    ...strange.map(
      ({ status, comment }): Fault => ({
        kind: 'improper-answer',
        message: `status 0x${status.toString(16)}: ${comment}`,
      }),
    ),
    ...(late === 'close' ? [{ kind: 'hang', message: 'the association was not closed' } as const] : []),
    ...(late === 'answer' && sent.whole
      ? [{ kind: 'hang', message: `${responses.length} of ${sent.requests} answers, ${end}` } as const]
      : []),
  ];
}

/** Every Success must stand for bytes in the spool; echoes and reports have no bytes. */
async function unstored(spool: string, sent: Sent, { responses }: Answer, transferSyntaxUid: string): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const { messageId, status, isStore } of responses) {
    const candidates = sent.stores.filter((store) => store.messageId === messageId);
    if (!isStore || status !== 0 || candidates.length === 0) continue;
    const found = await Promise.all(candidates.map((store) => isStored(spool, store, transferSyntaxUid)));
    if (!found.includes(true))
      faults.push({ kind: 'lost', message: `message ${messageId} was answered with Success and is not in the spool` });
  }
  return faults;
}

async function internalIncidents({ database }: Parts): Promise<Fault[]> {
  const { rows } = await database.pool.query("SELECT message FROM incident WHERE code = 'INTERNAL' LIMIT 3");
  return rows.map(({ message }) => ({ kind: 'improper-answer', message: `an incident INTERNAL: ${message}` }));
}

function cellsOf({ transferSyntaxUid, instances }: Conversation, { end, responses }: Answer): Cell[] {
  const cells: Cell[] = [{ row: 'conversation', outcome: end }];
  const stored = responses.find(({ messageId }) => messageId === 2);
  if (instances.length !== 1) return cells;
  const outcome =
    stored === undefined
      ? end
      : stored.status === 0
        ? 'stored'
        : `0x${stored.status.toString(16).toUpperCase().padStart(4, '0')}`;
  return [...cells, { row: rowOf(transferSyntaxUid), outcome }];
}

const rowOf = (transferSyntaxUid: string): string => {
  const { name = '' } = TRANSFER_SYNTAXES.find(({ uid }) => uid === transferSyntaxUid) ?? {};
  return `${transferSyntaxUid.replace('1.2.840.10008.', '')} ${name}`;
};

const WANTED: readonly WantedCell[] = [
  ...TRANSFER_SYNTAXES.flatMap(({ uid }) => [
    { row: rowOf(uid), outcome: /^stored$/ },
    { row: rowOf(uid), outcome: /^0xC000$/ },
  ]),
  ...['released', 'rejected', 'aborted', 'closed'].map((end) => ({
    row: 'conversation',
    outcome: new RegExp(`^${end}$`),
  })),
];
