/** A process of its own that analyses folders as `ichor triage` does; what hangs or crashes here is seen from outside. */
import { localFiles } from '@ichor/store/files/folderReader';
import '../collectGarbage.ts';
import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import { featureKey } from '@ichor/analysis/featureKey';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import type { SliceFeatures } from '@ichor/analysis/types';
import { findStudies } from '@ichor/analysis/volume/findStudies';
import { readHeaders } from '@ichor/analysis/volume/readHeaders';
import { readMeta } from '@ichor/dicom/readPart10';
import { writeObjects } from '@ichor/report/writeObjects';
import { loadConfig } from '@ichor/settings/config';
import { asIchorError } from '@ichor/shared/errors';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { silentLog } from '../../support/postgres.ts';
import { elementsOf, textIn } from '../mutate/elements.ts';

export type ToVictim = { readonly folder: string; readonly file: string; readonly whole: boolean };
/** Outcome codes; null: not asked for. */
export type FromVictim =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly decode: string; readonly analyse: string | null; readonly detail: string };

process.on('disconnect', () => process.exit(0));
const config = loadConfig({ ...process.env });
const inference = await startInference(config, silentLog);
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
  const [header] = await readHeaders(localFiles, [file], ({ error }) => (problem = error.message));
  if (header === undefined) return { code: 'unreadable-instance', detail: problem };
  const { rows, columns, frames } = header;
  if (!rows || !columns) return { code: 'no-size', detail: '' };
  await pixelDigest({ reference: file, rows, columns, frames: frames.length }, localFiles);
  return { code: 'decoded', detail: '' };
}

/** The study that the file belongs to, with the slices beside it. */
async function analysed({ folder, file }: ToVictim): Promise<Outcome> {
  const study = (await findStudies(folder, localFiles, () => {})).find(({ paths }) => paths.includes(file));
  if (study === undefined) return { code: 'no-study', detail: '' };
  const analysis = await analyseStudy(study.studyInstanceUid, study.paths, { inference, features, files: localFiles });
  const problem = await problemOfReport(analysis);
  if (problem !== null) return { code: 'report-unusable', detail: problem };
  const { result } = analysis;
  return { code: result.reason?.code ?? 'analysed', detail: result.reason?.detail ?? '' };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are looked for; ESC begins a character set
const CONTROLS = /[\x00-\x1a\x1c-\x1f]/;

/** Report and heat maps of the study must be whole DICOM files whose texts hold no control characters; null when they are. */
async function problemOfReport(analysis: AnalysedStudy): Promise<string | null> {
  try {
    for (const { kind, bytes } of await writeObjects(analysis, config, null)) {
      const { datasetOffset } = readMeta(bytes, kind);
      const dataset = Buffer.from(bytes.subarray(datasetOffset));
      const places = elementsOf(dataset, 'explicit');
      const { valueAt = 0, length = 0 } = places.at(-1) ?? {};
      if (valueAt + length !== dataset.length)
        return `${kind} cannot be read beyond byte ${valueAt} of ${dataset.length}`;
      const odd = [0x00080050, 0x00081030, 0x00100010, 0x00100020].find((tag) =>
        CONTROLS.test(textIn(dataset, places, tag) ?? ''),
      );
      if (odd !== undefined) return `${kind} has control characters in ${odd.toString(16)}`;
    }
    return null;
  } catch (thrown) {
    return String((thrown as Error).stack);
  }
}

const say = (message: FromVictim): void => void process.send!(message);
say({ kind: 'ready' });
