/**
 * The inference process: one bundle, one stack at a time; whatever happens here happens to nobody else. A slice whose decoder does not
 * come to an end costs this process, which then ends itself.
 */
import { asIchorError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { consoleToLog } from '@ichor/telemetry/consoleToLog';
import { type ShapedFrame, timeoutFor } from '../decoding/limits.ts';
import { readerAt } from '../decoding/readerAt.ts';
import { startWatchdog } from '../decoding/watchdog.ts';
import { type LoadedSlice, loadSlice } from '../volume/loadSlice.ts';
import { pixelDigest } from '../volume/pixelDigest.ts';
import { type AnalysisTools, analyseStack } from './analyseStack.ts';
import { openBundle, thresholdsOf } from './bundle.ts';
import { openGraphs } from './graphs.ts';
import type { FromProcess, StartSettings, ToProcess } from './protocol.ts';
import { selfTest } from './selfTest.ts';

process.title = 'ichor-inference';
/** Decoders complain on the console; here every fault is an answer. */
consoleToLog({ event: () => {} });
process.on('disconnect', () => process.exit(0));
/** Ctrl-C in a terminal reaches every process of its group: the worker lets the analysis under way finish, and disconnects. */
process.on('SIGINT', () => {});

/** Nobody hears it any more where the channel is closed: then this process ends too. */
const say = (message: FromProcess): void => void process.send!(message, () => {});
const allow = startWatchdog();
let sliceDecodeTimeoutMs = 0;
let tools: Omit<AnalysisTools, 'load'> | null = null;

process.on('message', (message: ToProcess) => {
  void answer(message).catch((thrown: unknown) => {
    if (thrown instanceof NotAnalysable)
      return say({ kind: 'not-analysable', reason: thrown.reason, outOfTime: thrown.outOfTime });
    const { code, facts, message: reason } = asIchorError(thrown);
    return code === 'INTERNAL'
      ? say({ kind: 'failed', code: 'INFERENCE_FAILED', facts: { reason } })
      : say({ kind: 'failed', code, facts });
  });
});

async function answer(message: ToProcess): Promise<void> {
  if (message.kind === 'start') {
    sliceDecodeTimeoutMs = message.settings.sliceDecodeTimeoutMs;
    tools = await start(message.settings);
    say({ kind: 'ready', model: tools.identity });
    return;
  }
  const files = await readerAt(message.files);
  if (message.kind === 'digest')
    return say({
      kind: 'digested',
      digest: await pixelDigest(message.image, (frame) => load(files, frame, `frame ${frame.frameNumber}`)),
    });
  const { stack, ...options } = message;
  const loading: AnalysisTools = { ...tools!, load: (slice, where) => load(files, slice, where) };
  say({ kind: 'done', analysis: await analyseStack(stack, options, loading) });
}

/** Whoever looks after this process knows from `where` which slice it was that ended it. */
async function load(files: FileReader, frame: ShapedFrame, where: string): Promise<LoadedSlice> {
  say({ kind: 'decoding', where });
  allow(timeoutFor(frame, sliceDecodeTimeoutMs));
  return loadSlice(frame, files).finally(() => allow(null));
}

async function start({
  bundleDir,
  threads,
  executionProviders,
  thresholds,
}: StartSettings): Promise<Omit<AnalysisTools, 'load'>> {
  const bundle = await openBundle(bundleDir);
  const missing = new Map<string, string>();
  const graphs = await openGraphs(bundle, { threads, executionProviders }, (provider, reason) =>
    missing.set(provider, reason),
  );
  for (const [provider, reason] of missing) say({ kind: 'provider-missing', provider, reason });
  await selfTest(bundle, graphs);
  return {
    graphs,
    manifest: bundle.manifest,
    identity: bundle.identity,
    thresholds: thresholdsOf(bundle.manifest, thresholds),
    onProgress: (done, total) => say({ kind: 'progress', done, total }),
  };
}
