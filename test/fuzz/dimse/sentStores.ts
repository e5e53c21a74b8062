/** What a stream asks for, read by PS3.8 and PS3.7 without the receiver's code; reading stops at the first thing that is wrong. */
import { commandElements } from '../../support/rawPeer.ts';

export type SentStore = { readonly messageId: number; readonly sopInstanceUid: string; readonly dataset: Buffer };
export type Sent = {
  readonly stores: readonly SentStore[];
  /** Responses that a complete request before the fault, if any, asks for. */
  readonly requests: number;
  readonly release: boolean;
  /** Read to its end without a fault. */
  readonly whole: boolean;
};

const [ASSOCIATE, DATA, RELEASE] = [1, 4, 5];
const NO_DATASET = 0x0101;
/** C-STORE, C-ECHO, N-EVENT-REPORT. */
const ANSWERED = new Set([0x0001, 0x0030, 0x0100]);

export function sentIn(stream: Buffer): Sent {
  const stores: SentStore[] = [];
  let [requests, release, whole] = [0, false, false];
  const contexts = new Set<number>();
  let [command, data]: Buffer[][] = [[], []];
  let awaiting: ReadonlyMap<number, Buffer> | null = null;
  const done = (elements: ReadonlyMap<number, Buffer>, dataset: Buffer | null): void => {
    const field = us(elements, 0x0100);
    if (ANSWERED.has(field)) requests++;
    if (field === 0x0001 && dataset !== null)
      stores.push({ messageId: us(elements, 0x0110), sopInstanceUid: uid(elements, 0x1000), dataset });
  };
  let at = 0;
  try {
    while (at < stream.length) {
      const [type, end] = [stream[at]!, at + 6 + stream.readUInt32BE(at + 2)];
      if (end > stream.length || (at === 0) !== (type === ASSOCIATE)) break;
      if (type === ASSOCIATE) for (const id of contextIds(stream.subarray(at + 6, end))) contexts.add(id);
      if (type === RELEASE) release = true;
      if (type === DATA)
        for (let pdv = at + 6; pdv < end; pdv += 4 + stream.readUInt32BE(pdv)) {
          const value = stream.subarray(pdv + 6, pdv + 4 + stream.readUInt32BE(pdv));
          if (pdv + 4 + stream.readUInt32BE(pdv) > end || !contexts.has(stream[pdv + 4]!))
            throw new Error('does not fit');
          const [isCommand, isLast] = [(stream[pdv + 5]! & 1) === 1, (stream[pdv + 5]! & 2) === 2];
          if (isCommand === (awaiting !== null)) throw new Error('out of place');
          (isCommand ? command! : data!).push(value);
          if (!isLast) continue;
          if (isCommand) {
            const elements = commandElements(Buffer.concat(command!));
            [command, data] = [[], []];
            if (us(elements, 0x0800) === NO_DATASET) done(elements, null);
            else awaiting = elements;
          } else {
            done(awaiting!, Buffer.concat(data!));
            [awaiting, data] = [null, []];
          }
        }
      else if (type !== ASSOCIATE) {
        whole = type === RELEASE && end === stream.length;
        break;
      }
      at = end;
    }
  } catch {
    // What came before the fault counts.
  }
  return { stores, requests, release, whole };
}

function contextIds(body: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 68; at + 4 < body.length; at += 4 + body.readUInt16BE(at + 2))
    if (body[at] === 0x20) ids.push(body[at + 4]!);
  return ids;
}

const us = (elements: ReadonlyMap<number, Buffer>, element: number): number => {
  const value = elements.get(element);
  return value === undefined || value.length < 2 ? -1 : value.readUInt16LE();
};
const uid = (elements: ReadonlyMap<number, Buffer>, element: number): string =>
  (elements.get(element)?.toString('latin1') ?? '').replace(/[ \0]+$/, '');
