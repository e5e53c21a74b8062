/**
 * Slices from files that strangers sent, decoded in processes that can be killed: a few of them, each with one slice at a time, and a
 * bounded queue before them. Only the inference process, which is such a process itself, decodes otherwise (docs/adr/0017).
 *
 *   waiting → decoding → decoded, or not analysable (the process is replaced where a decoder failed)
 *                 │ out of computing time          → undecodable-pixel-data, no second try
 *                 │ the process crashed            → once more in a new one, then undecodable-pixel-data
 *                 │ killed from outside, or silent → DECODER_UNAVAILABLE: that says nothing of the slice
 */
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { LoadedSlice } from '../volume/loadSlice.ts';
import { ChildEnded, type DecodeChild, startDecodeChild } from './decodeChild.ts';
import { OUT_OF_TIME, WHY_OUT_OF_TIME } from './limits.ts';
import { openPlaces } from './places.ts';
import type { StoredFrame } from './protocol.ts';

export type Decoder = {
  /**
   * int16 [rows, columns], Hounsfield units, in the stored orientation.
   * @param signal of somebody who may go away: then the place is soon free for others
   * @throws NotAnalysable, IchorError DECODER_BUSY, DECODER_UNAVAILABLE, what reading the file throws, and the reason of `signal`
   */
  decode(frame: StoredFrame, signal?: AbortSignal): Promise<LoadedSlice>;
  /** Ends the processes; what is under way fails. */
  close(): void;
};
export type DecoderSettings = Pick<Config, 'sliceDecodeTimeoutMs'> & {
  /** Where the frames are read. */
  readonly files: Pick<FileReader, 'address'>;
  /** At once. */
  readonly processes: number;
  /** Beyond this many that wait, another is refused. */
  readonly mostWaiting: number;
};

/** How long one that nobody waits for any more may still take: most end sooner than a process starts. */
const ABANDONED_MS = 1_000;
const FROM_OUTSIDE = /^SIG(KILL|TERM|INT|HUP|QUIT)$/;

/** Starts nothing yet: a process is started when there is something to decode. */
export function openDecoder(settings: DecoderSettings): Decoder {
  const places = openPlaces(settings.processes, settings.mostWaiting);
  const idle: DecodeChild[] = [];
  const working = new Set<DecodeChild>();
  let closed = false;

  const take = async (): Promise<DecodeChild> => {
    for (let child = idle.pop(); child !== undefined; child = idle.pop()) if (child.usable) return child;
    return startDecodeChild();
  };
  const giveBack = (child: DecodeChild): void => {
    working.delete(child);
    if (closed) child.kill();
    else if (child.usable) idle.push(child);
  };
  const timeoutMs = settings.sliceDecodeTimeoutMs;
  const attempt = async (frame: StoredFrame, signal?: AbortSignal): Promise<LoadedSlice> => {
    const child = await take();
    working.add(child);
    if (closed) child.kill();
    const stay = killOnceAbandoned(child, signal);
    try {
      return await child.decode({ frame, files: settings.files.address, timeoutMs });
    } catch (error) {
      // A WebAssembly module that gave up may fail whatever comes next.
      if (isUndecodable(error)) child.kill();
      throw error;
    } finally {
      stay();
      giveBack(child);
    }
  };
  const decode = async (frame: StoredFrame, signal?: AbortSignal): Promise<LoadedSlice> => {
    for (let again = false; ; again = true) {
      try {
        return await attempt(frame, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof ChildEnded)) throw error;
        if (again || error.by === OUT_OF_TIME || closed) throw faultOf(error);
      }
    }
  };
  return {
    async decode(frame, signal) {
      const leave = await places.enter(signal);
      const decoded = decode(frame, signal).finally(leave);
      return signal === undefined ? decoded : untilAborted(decoded, signal);
    },
    close() {
      closed = true;
      for (const child of idle.splice(0)) child.dismiss();
      for (const child of working) child.kill();
    },
  };
}

const isUndecodable = (error: unknown): boolean =>
  error instanceof NotAnalysable && error.reason.code === 'undecodable-pixel-data';

function faultOf({ by }: ChildEnded): Error {
  if (by === OUT_OF_TIME) return new NotAnalysable('undecodable-pixel-data', WHY_OUT_OF_TIME, true);
  if (FROM_OUTSIDE.test(by)) return new IchorError('DECODER_UNAVAILABLE', { reason: `it was ended by ${by}` });
  return new NotAnalysable('undecodable-pixel-data', `the decoder crashed twice (${by})`);
}

/** @returns calls it off */
function killOnceAbandoned(child: DecodeChild, signal: AbortSignal | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  const abandon = (): void => {
    timer = setTimeout(() => child.kill(), ABANDONED_MS);
  };
  if (signal?.aborted) abandon();
  else signal?.addEventListener('abort', abandon);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abandon);
  };
}

/** Whoever went away is not kept waiting. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
