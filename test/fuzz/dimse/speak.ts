/** Gives a stream to a DICOM port and collects what it answers, until it has closed. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { commandElements } from '../../support/rawPeer.ts';
import type { Sent } from './sentStores.ts';

export type Response = {
  readonly messageId: number;
  readonly status: number;
  readonly comment: string;
  /** Command Field of a C-STORE response: a changed Message ID may be that of an echo as well (PS3.7 table E.1-1). */
  readonly isStore: boolean;
};
export type Answer = {
  readonly end: 'released' | 'rejected' | 'aborted' | 'closed';
  readonly responses: readonly Response[];
  /** What is no answer that the standard knows. */
  readonly improper: readonly string[];
  /** Waited longer than the deadline for it. */
  readonly late: 'answer' | 'close' | null;
};

/** Responses are waited for this long; then, and after our end, the receiver must close within it. */
const DEADLINE_MS = 10_000;

/** @param pieceBytes the stream goes out in writes of this size */
export async function speak(port: number, stream: Buffer, sent: Sent, pieceBytes: number): Promise<Answer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let bytes: Buffer = Buffer.alloc(0);
  let [closed, wake] = [false, (): void => {}];
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
    wake();
  });
  await once(socket, 'connect').catch(() => {});
  for (let at = 0; at < stream.length && !closed; at += pieceBytes) {
    socket.write(stream.subarray(at, at + pieceBytes));
    if (pieceBytes < stream.length) await new Promise(setImmediate);
  }
  const until = async (isDone: () => boolean): Promise<boolean> => {
    const deadline = performance.now() + DEADLINE_MS;
    while (!closed && !isDone()) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await Promise.race([
        new Promise<void>((resolve) => (wake = resolve)),
        new Promise((resolve) => setTimeout(resolve, left).unref()),
      ]);
    }
    return true;
  };
  const answered = await until(() => hasAll(answersIn(bytes), sent));
  socket.end();
  const ended = await until(() => false).then(() => closed);
  socket.destroy();
  const answer = answersIn(bytes);
  return { ...answer, late: !ended ? 'close' : answered ? null : 'answer' };
}

const hasAll = ({ end, responses }: Omit<Answer, 'late'>, sent: Sent): boolean =>
  end !== 'closed' || (responses.length >= sent.requests && !sent.release);

/** What a node said; `improper` names what cannot be read. */
function answersIn(bytes: Buffer): Omit<Answer, 'late'> {
  const responses: Response[] = [];
  const improper: string[] = [];
  let end: Answer['end'] = 'closed';
  let command: Buffer[] = [];
  for (let at = 0; at + 6 <= bytes.length; ) {
    const [type, next] = [bytes[at]!, at + 6 + bytes.readUInt32BE(at + 2)];
    if (next > bytes.length) break;
    if (type === 3) end = 'rejected';
    else if (type === 6) end = 'released';
    else if (type === 7) end = 'aborted';
    else if (type !== 2 && type !== 4) improper.push(`a PDU of type ${type}`);
    for (const { isLast, value } of type === 4 ? pdvsOf(bytes.subarray(at + 6, next)) : []) {
      command.push(value);
      if (isLast) responses.push(responseIn(Buffer.concat(command), improper));
      if (isLast) command = [];
    }
    at = next;
  }
  return { end, responses, improper };
}

/** The pieces of a P-DATA-TF, as far as they fit. */
function pdvsOf(body: Buffer): { isLast: boolean; value: Buffer }[] {
  const pdvs: { isLast: boolean; value: Buffer }[] = [];
  for (let at = 0; at + 6 <= body.length; at += 4 + body.readUInt32BE(at))
    pdvs.push({ isLast: (body[at + 5]! & 2) === 2, value: body.subarray(at + 6, at + 4 + body.readUInt32BE(at)) });
  return pdvs;
}

function responseIn(command: Buffer, improper: string[]): Response {
  try {
    const elements = commandElements(command);
    const messageId = elements.get(0x0120)?.readUInt16LE() ?? -1;
    const status = elements.get(0x0900)!.readUInt16LE();
    const isStore = elements.get(0x0100)?.readUInt16LE() === 0x8001;
    return { messageId, status, comment: elements.get(0x0902)?.toString('latin1').trim() ?? '', isStore };
  } catch (error) {
    improper.push(`a response that cannot be read: ${(error as Error).message}`);
    return { messageId: -1, status: -1, comment: '', isStore: false };
  }
}
