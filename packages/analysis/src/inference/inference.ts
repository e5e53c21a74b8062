/**
 * The worker's side of the inference process: keeps one warm, gives it one stack at a time, and kills it when it is too slow.
 *
 *   none    → starting (a process is forked and loads the bundle) → ready → busy → ready
 *   any     → none: the process ended, was killed at the deadline, or refused the bundle; the next call starts a new one
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Config } from '@ichor/settings/config';
import { IchorError, reasonOf, receivedError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { ModelIdentity } from '@ichor/shared/study';
import type { Log } from '@ichor/telemetry/log';
import { linesToLog } from '../childOutput.ts';
import { MEMORY_LIMIT, OUT_OF_TIME, WHY_OUT_OF_TIME } from '../decoding/limits.ts';
import type { Analysis, SliceFeatures, SliceStack } from '../types.ts';
import type { StoredImage } from '../volume/pixelDigest.ts';
import type { MapRequest } from './findings.ts';
import type { FromProcess, StartSettings, ToProcess } from './protocol.ts';

export type Inference = {
  readonly model: ModelIdentity;
  /** Calls are answered one after the other. @throws NotAnalysable, IchorError INFERENCE_TIMEOUT, INFERENCE_CRASHED, INFERENCE_FAILED */
  analyse(stack: SliceStack, options: AnalyseOptions): Promise<Analysis>;
  /** What an image shows. @returns see pixelDigest @throws as `analyse` */
  pixelDigest(image: StoredImage, files: FileReader): Promise<string>;
  close(): Promise<void>;
};
export type AnalyseOptions = {
  readonly files: FileReader;
  readonly cached: ReadonlyMap<string, SliceFeatures>;
  readonly maxKeySlices?: number;
  /** Heat maps wanted in place of those of the key slices. */
  readonly asked?: readonly MapRequest[];
  readonly onProgress?: (done: number, total: number) => void;
};
export type InferenceConfig = Pick<
  Config,
  'modelDir' | 'inferenceThreads' | 'executionProviders' | 'thresholds' | 'inferenceTimeoutMs' | 'sliceDecodeTimeoutMs'
>;

const ENTRY = join(import.meta.dirname, 'inferenceProcess.ts');
const START_TIMEOUT_MS = 60_000;
const MOST_KEY_SLICES = 8;

/** Starts the process and checks the bundle. @throws IchorError BUNDLE_INVALID, CONFIG_INVALID, INFERENCE_CRASHED */
export async function startInference(config: InferenceConfig, log: Log): Promise<Inference> {
  const settings: StartSettings = {
    bundleDir: config.modelDir,
    threads: config.inferenceThreads,
    executionProviders: config.executionProviders,
    thresholds: config.thresholds,
    sliceDecodeTimeoutMs: config.sliceDecodeTimeoutMs,
  };
  let child: ChildProcess | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  const started = async (): Promise<{ child: ChildProcess; model: ModelIdentity | null }> => {
    if (child !== null && isAlive(child)) return { child, model: null };
    const made = fork(ENTRY, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [...process.execArgv, MEMORY_LIMIT],
    });
    linesToLog(made, 'inference', log);
    // One that comes between two conversations: the next finds the process gone.
    made.on('error', () => {});
    const ready = await converse(made, { kind: 'start', settings }, 'ready', START_TIMEOUT_MS, { log });
    log.event('inference.started', { pid: made.pid });
    child = made;
    return { child: made, model: ready.model };
  };
  /** One conversation after the other. */
  const inTurn = <T>(act: (current: ChildProcess) => Promise<T>): Promise<T> => {
    const answer = turn.then(async () => act((await started()).child));
    turn = answer.catch(() => {});
    return answer;
  };
  const { model } = await started();
  return {
    model: model!,
    analyse: (stack, options) =>
      inTurn(async (current) => {
        const message = {
          kind: 'analyse',
          stack,
          files: options.files.address,
          cached: options.cached,
          maxKeySlices: options.maxKeySlices ?? MOST_KEY_SLICES,
          ...(options.asked !== undefined && { asked: options.asked }),
        } as const;
        const listeners = { log, onProgress: options.onProgress };
        return (await converse(current, message, 'done', config.inferenceTimeoutMs, listeners)).analysis;
      }),
    pixelDigest: (image, { address: files }) =>
      inTurn(async (current) => {
        const timeoutMs = config.inferenceTimeoutMs;
        return (await converse(current, { kind: 'digest', image, files }, 'digested', timeoutMs, { log })).digest;
      }),
    async close() {
      await turn;
      if (child?.connected) child.disconnect();
      child = null;
    },
  };
}

/** One that was killed counts as gone at once, though its end is not yet reported. */
const isAlive = (child: ChildProcess): boolean =>
  child.connected && !child.killed && child.exitCode === null && child.signalCode === null;

type Listeners = { readonly log: Log; readonly onProgress?: ((done: number, total: number) => void) | undefined };
type Answer<Kind extends FromProcess['kind']> = Extract<FromProcess, { kind: Kind }>;

/** Sends one message and waits for its answer, the end of the process, or the deadline, which kills it. */
function converse<Kind extends 'ready' | 'done' | 'digested'>(
  child: ChildProcess,
  message: ToProcess,
  wanted: Kind,
  timeoutMs: number,
  { log, onProgress }: Listeners,
): Promise<Answer<Kind>> {
  let decoding = '';
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onError);
      act();
    };
    const kill = (error: Error): void => {
      settle(() => reject(error));
      child.kill('SIGKILL');
    };
    /** A fault of its own leaves the process in a state that nobody knows; one of the spool or the decoder does not. */
    const failed = (error: IchorError): void => {
      if (wanted === 'ready' || error.code === 'INFERENCE_FAILED') kill(error);
      else settle(() => reject(error));
    };
    const onMessage = (said: FromProcess): void => {
      if (said.kind === wanted) settle(() => resolve(said as Answer<Kind>));
      else if (said.kind === 'not-analysable')
        settle(() => reject(new NotAnalysable(said.reason.code, said.reason.detail, said.outOfTime)));
      else if (said.kind === 'failed') failed(receivedError(said.code, said.facts));
      else if (said.kind === 'decoding') decoding = said.where;
      else if (said.kind === 'progress') onProgress?.(said.done, said.total);
      else if (said.kind === 'provider-missing')
        log.event('inference.provider-missing', { provider: said.provider, reason: said.reason });
    };
    const onExit = (code: number | null, signal: string | null): void => {
      log.event('inference.stopped', { code, signal });
      settle(() => reject(whyEnded(decoding, code, signal)));
    };
    const onError = (error: Error): void => kill(new IchorError('INFERENCE_CRASHED', { reason: reasonOf(error) }));
    const timer = setTimeout(() => {
      log.event('inference.stopped', { reason: 'deadline' });
      kill(new IchorError('INFERENCE_TIMEOUT', { timeoutMs }));
    }, timeoutMs);
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.on('error', onError);
    child.send(message, (error) => {
      if (error !== null) onError(error);
    });
  });
}

function whyEnded(decoding: string, code: number | null, signal: string | null): Error {
  if (signal === OUT_OF_TIME)
    return new NotAnalysable('undecodable-pixel-data', `${decoding}: ${WHY_OUT_OF_TIME}`, true);
  return new IchorError('INFERENCE_CRASHED', { reason: signal ?? `exit code ${code}` });
}
