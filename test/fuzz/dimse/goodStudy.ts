/** A scanner that does everything right, between the hostile ones: its study must be stored and known to the index. */
import { join } from 'node:path';
import type { Database } from '@ichor/store/postgres/database';
import { eventually } from '../../support/ichor.ts';
import type { CorpusInstance } from '../corpus/instances.ts';
import { elementBytes, elementsOf, encodingOf } from '../mutate/elements.ts';
import type { Fault } from '../target.ts';
import { conversationsOf } from './conversations.ts';
import { type SentStore, sentIn } from './sentStores.ts';
import { speak } from './speak.ts';
import { isStored } from './storedBytes.ts';
import { bytesOf } from './wire.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const SLICES = 3;
/** A receiver whose memory others hold says so, and is asked again. */
const TRIES = 20;

type Parts = {
  readonly port: number;
  readonly spool: string;
  readonly database: Database;
  readonly images: readonly CorpusInstance[];
};

export async function storeGoodStudy({ port, spool, database, images }: Parts, number: number): Promise<Fault[]> {
  const study = `1.2.3.4000.${number}`;
  const source = images.find(({ transferSyntaxUid }) => transferSyntaxUid === EXPLICIT)!;
  const slices = Array.from({ length: SLICES }, (_, index) => renamed(source, study, index + 1));
  const stream = bytesOf(conversationsOf(slices, [])[SLICES]!.pdus());
  const sent = sentIn(stream);
  for (let tries = 1; ; tries++) {
    const answer = await speak(port, stream, sent, 50_000);
    const stored = answer.responses.filter(({ status }) => status === 0).length === SLICES + 1;
    if (stored && answer.end === 'released') break;
    if (tries === TRIES) return [fault(`a good study is not taken: ${JSON.stringify(answer)}`)];
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  for (const store of sent.stores)
    if (!(await isStored(spool, store satisfies SentStore, EXPLICIT)))
      return [
        fault(`a good study was answered with Success, and ${store.sopInstanceUid} is not in ${join(spool, study)}`),
      ];
  return eventually('the index', () => isIndexed(database, study), 20_000).then(
    () => [],
    () => [fault('a good study is stored, but the index does not learn of it')],
  );
}

const fault = (message: string): Fault => ({ kind: 'good-study', message });

async function isIndexed({ pool }: Database, study: string): Promise<boolean> {
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM instance WHERE study_instance_uid = $1', [
    study,
  ]);
  return rows[0].count === SLICES;
}

/** The same slice under UIDs of its own. */
function renamed(source: CorpusInstance, study: string, slice: number): CorpusInstance {
  const sopInstanceUid = `${study}.1.${slice}`;
  const uids: Readonly<Record<number, string>> = { 524312: sopInstanceUid, 2097165: study, 2097166: `${study}.1` };
  const encoding = encodingOf(source.transferSyntaxUid);
  const places = elementsOf(source.dataset, encoding);
  const dataset = Buffer.concat(
    places.map(({ at, tag, valueAt, length }) => {
      const uid = uids[tag];
      if (uid === undefined) return source.dataset.subarray(at, valueAt + length);
      return elementBytes(encoding, tag, 'UI', Buffer.from(uid.length % 2 === 0 ? uid : `${uid}\0`));
    }),
  );
  return { ...source, sopInstanceUid, dataset };
}
