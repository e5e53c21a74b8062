/** The other side of a decode process: starts it, gives it one slice at a time, and always learns how that ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { IchorError, receivedError } from '@ichor/shared/errors';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { lastWords } from '../childOutput.ts';
import type { LoadedSlice } from '../volume/loadSlice.ts';
import { MEMORY_LIMIT } from './limits.ts';
import type { FromDecoder, ToDecoder } from './protocol.ts';

export type DecodeChild = {
  /** @throws NotAnalysable, IchorError of the reading, {@link ChildEnded}, IchorError DECODER_UNAVAILABLE */
  decode(request: ToDecoder): Promise<LoadedSlice>;
  /** Whether it can be given another slice. */
  readonly usable: boolean;
  kill(): void;
  /** Lets it end by itself. */
  dismiss(): void;
};

/** The process ended while it had a slice. */
export class ChildEnded extends Error {
  /** A signal, or an exit code in words. */
  readonly by: string;
  constructor(by: string) {
    super(by);
    this.by = by;
  }
}

const ENTRY = join(import.meta.dirname, 'decodeProcess.ts');
const START_TIMEOUT_MS = 60_000;
/** On the clock, beside the computing time of the slice: for a disk that never answers, or a process that was stopped. */
const STALLED_MS = 120_000;

/** @throws IchorError DECODER_UNAVAILABLE */
export async function startDecodeChild(): Promise<DecodeChild> {
  const child = fork(ENTRY, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [...process.execArgv, MEMORY_LIMIT],
  });
  child.on('error', () => {});
  const said = lastWords(child);
  await answerOf(child, null, START_TIMEOUT_MS).catch((error: unknown) => {
    throw error instanceof ChildEnded ? unavailable(`it ended at its start: ${error.by} ${said()}`) : error;
  });
  return {
    async decode(request) {
      const answer = await answerOf(child, request, STALLED_MS + request.timeoutMs);
      if (answer.kind === 'decoded') return answer.slice;
      if (answer.kind === 'not-analysable') throw new NotAnalysable(answer.reason.code, answer.reason.detail);
      if (answer.kind === 'failed') throw receivedError(answer.code, answer.facts);
      throw unavailable('it answered out of turn');
    },
    get usable() {
      return child.connected && !child.killed && child.exitCode === null && child.signalCode === null;
    },
    kill: () => void child.kill('SIGKILL'),
    dismiss() {
      if (child.connected) child.disconnect();
    },
  };
}

const unavailable = (reason: string): IchorError => new IchorError('DECODER_UNAVAILABLE', { reason });

/** The next message, the end of the process, or neither within `stalledMs`: then it is killed. */
function answerOf(child: ChildProcess, request: ToDecoder | null, stalledMs: number): Promise<FromDecoder> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearInterval(timer);
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      act();
    };
    const onMessage = (said: FromDecoder): void => settle(() => resolve(said));
    const onExit = (code: number | null, signal: string | null): void =>
      settle(() => reject(new ChildEnded(signal ?? `exit code ${code}`)));
    const onError = (error: Error): void =>
      settle(() => {
        child.kill('SIGKILL');
        reject(unavailable(error.message));
      });
    const timer = setInterval(
      countdown(stalledMs, () => onError(new Error(`no answer within ${stalledMs} ms`))),
      TICK_MS,
    );
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
    if (request !== null) child.send(request, (error) => error !== null && onError(error));
  });
}

const TICK_MS = 1_000;
/** In ticks: while this process itself is stopped, nobody else's time runs. */
function countdown(totalMs: number, end: () => void): () => void {
  let leftMs = totalMs;
  return () => {
    leftMs -= TICK_MS;
    if (leftMs <= 0) end();
  };
}
