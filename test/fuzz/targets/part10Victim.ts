/** A process of its own that analyses folders as `ichor triage` does; what hangs or crashes here is seen from outside. */
import '../collectGarbage.ts';
import { asIchorError, loadConfig } from '@ichor/shared';
import { analyseStudy, type Inference, startInference } from '@ichor/worker';
import { findStudies } from '../../../apps/cli/src/triage/findStudies.ts';
import { featureKey } from '../../../apps/worker/src/featureKey.ts';
import { NotAnalysable } from '../../../apps/worker/src/notAnalysable.ts';
import type { SliceFeatures } from '../../../apps/worker/src/types.ts';
import { readHeaders } from '../../../apps/worker/src/volume/readHeaders.ts';
import { silentLog } from '../../support/postgres.ts';

export type ToVictim = { readonly folder: string; readonly file: string; readonly whole: boolean };
/** Outcome codes; null: not asked for. */
export type FromVictim =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly decode: string; readonly analyse: string | null; readonly detail: string };

process.on('disconnect', () => process.exit(0));
const inference = await startInference(loadConfig({ ...process.env }), silentLog);
const cache = new Map<string, SliceFeatures>();
const features = {
  load: async () => cache,
  save: async (
    stack: { slices: readonly { sopInstanceUid: string; frameNumber: number }[] },
    analysis: { slices: readonly SliceFeatures[] },
  ) => {
    if (cache.size > 500) cache.clear();
    for (const [index, slice] of stack.slices.entries())
      cache.set(featureKey(slice.sopInstanceUid, slice.frameNumber), analysis.slices[index]!);
  },
};

process.on('message', async (message: ToVictim) => {
  const decode = await outcomeOf(() => decoded(message.file, inference));
  const analyse = message.whole ? await outcomeOf(() => analysed(message)) : null;
  const details = [decode, analyse].map((one) => one?.detail).filter(Boolean);
  say({ kind: 'done', decode: decode.code, analyse: analyse?.code ?? null, detail: details.join('; ') });
});

type Outcome = { readonly code: string; readonly detail: string };
async function outcomeOf(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof NotAnalysable) return { code: thrown.reason.code, detail: thrown.reason.detail ?? '' };
    const error = asIchorError(thrown);
    return { code: error.code, detail: error.code === 'INTERNAL' ? String((thrown as Error).stack) : error.message };
  }
}

/** The pixels, through the process that may be killed. */
async function decoded(file: string, { pixelDigest }: Inference): Promise<Outcome> {
  let problem = '';
  const [header] = await readHeaders([file], ({ error }) => (problem = error.message));
  if (header === undefined) return { code: 'unreadable-instance', detail: problem };
  const { rows, columns, frames } = header;
  if (!rows || !columns) return { code: 'no-size', detail: '' };
  await pixelDigest({ path: file, rows, columns, frames: frames.length });
  return { code: 'decoded', detail: '' };
}

/** The study that the file belongs to, with the slices beside it. */
async function analysed({ folder, file }: ToVictim): Promise<Outcome> {
  const study = (await findStudies(folder, () => {})).find(({ paths }) => paths.includes(file));
  if (study === undefined) return { code: 'no-study', detail: '' };
  const { result } = await analyseStudy(study.studyInstanceUid, study.paths, { inference, features });
  return { code: result.reason?.code ?? 'analysed', detail: result.reason?.detail ?? '' };
}

const say = (message: FromVictim): void => void process.send!(message);
say({ kind: 'ready' });
