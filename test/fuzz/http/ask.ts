/** One raw request and its answer, whatever it is. */
import { connect } from 'node:net';

export type HttpAnswer = {
  /** 0: none came. */
  readonly status: number;
  readonly headers: string;
  readonly body: Buffer;
  /** The server did not close in time, neither after its answer nor after our end. */
  readonly late: boolean;
};

const DEADLINE_MS = 10_000;
/** A request that is not whole gets no answer: after this long our side is closed. One that is whole is waited for. */
const NO_ANSWER_MS = 700;
/** Checking a password takes its time, and so does a picture. */
const SLOW_NO_ANSWER_MS = 4_000;
const SLOW = /password=|current=|\/slices\//;
const SOUND_NO_ANSWER_MS = 8_000;
/** After the last bytes of an answer on a connection that is kept open. */
const QUIET_MS = 60;

/**
 * Closes its side once the answer is there, or none comes; an event stream is left after its head.
 * @param sound whether the request is as it should be
 */
export async function ask(port: number, request: Buffer, sound: boolean): Promise<HttpAnswer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const pieces: Buffer[] = [];
  let late = false;
  const closed = new Promise((resolve) => socket.on('close', resolve));
  const isSlow = SLOW.test(request.toString('latin1'));
  const patienceMs = sound ? SOUND_NO_ANSWER_MS : isSlow ? SLOW_NO_ANSWER_MS : NO_ANSWER_MS;
  let quiet = setTimeout(() => socket.end(), patienceMs);
  socket.on('data', (data) => {
    pieces.push(data);
    clearTimeout(quiet);
    quiet = setTimeout(() => socket.end(), QUIET_MS);
    if (pieces.length === 1 && /content-type: text\/event-stream/i.test(data.toString('latin1'))) socket.destroy();
  });
  socket.on('error', () => {});
  socket.write(request);
  const patience = setTimeout(() => {
    late = true;
    socket.destroy();
  }, DEADLINE_MS);
  await closed;
  clearTimeout(patience);
  clearTimeout(quiet);
  return { ...answerIn(Buffer.concat(pieces)), late };
}

function answerIn(bytes: Buffer): Omit<HttpAnswer, 'late'> {
  const end = bytes.indexOf('\r\n\r\n');
  const headers = bytes.toString('latin1', 0, Math.max(end, 0));
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1] ?? 0);
  const body = bytes.subarray(end + 4);
  if (status === 100) return answerIn(body);
  // What follows the answer to HEAD is one to what follows its request.
  return { status, headers, body: body.toString('latin1', 0, 5) === 'HTTP/' ? Buffer.alloc(0) : body };
}
