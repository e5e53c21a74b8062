/** How much of the data was analysed, why the rest was not, and how long it took. Pure. */
import type { LabelledData } from '../labels/matchLabels.ts';
import { quantile } from '../metrics/bootstrap.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';

export type Coverage = {
  /** Studies with a label. */
  readonly studies: number;
  readonly analysed: number;
  /** Studies with a label, by the reason for which they were not analysed; the most frequent first. */
  readonly reasons: readonly { readonly code: string; readonly sentence: string; readonly studies: number }[];
  readonly notAnalysed: readonly {
    readonly studyInstanceUid: string;
    readonly state: 'not-analysed' | 'failed';
    readonly code: string;
    readonly sentence: string;
    readonly detail: string | null;
    readonly truth: readonly number[];
  }[];
  /** Labelled slices of analysed studies that lie in series which were not chosen. */
  readonly slicesElsewhere: number;
  /** Analysed slices without a label, in studies whose slices are labelled. */
  readonly slicesWithoutLabel: number;
};
export type AnalysisTime = {
  readonly studies: number;
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
};

export function coverageOf({ studies }: LabelledData, predictions: readonly StudyPrediction[]): Coverage {
  const labelled = studies.map(({ truth, slices }, index) => ({ truth, slices, prediction: predictions[index]! }));
  const analysed = labelled.filter(({ prediction }) => prediction.scan !== null);
  const notAnalysed = labelled.flatMap(({ truth, prediction: { studyInstanceUid, state, reason } }) =>
    (state === 'not-analysed' || state === 'failed') && reason !== null
      ? [{ studyInstanceUid, state, ...reason, truth }]
      : [],
  );
  const inSlices = analysed.filter(({ slices }) => slices.size > 0);
  const sum = (of: (one: (typeof inSlices)[number]) => number): number =>
    inSlices.reduce((whole, one) => whole + of(one), 0);
  const seen = ({ slices, prediction }: (typeof inSlices)[number]): number =>
    prediction.slices.filter(({ sopInstanceUid, frameNumber }) => frameNumber === null && slices.has(sopInstanceUid))
      .length;
  return {
    studies: labelled.length,
    analysed: analysed.length,
    reasons: countReasons(notAnalysed),
    notAnalysed,
    slicesElsewhere: sum((one) => one.slices.size - seen(one)),
    slicesWithoutLabel: sum((one) => one.prediction.slices.length - seen(one)),
  };
}

function countReasons(notAnalysed: Coverage['notAnalysed']): Coverage['reasons'] {
  const counts = new Map<string, { code: string; sentence: string; studies: number }>();
  for (const { code, sentence } of notAnalysed)
    counts.set(code, { code, sentence, studies: (counts.get(code)?.studies ?? 0) + 1 });
  return [...counts.values()].sort((one, other) => other.studies - one.studies);
}

/** Of the studies that were analysed. */
export function analysisTime(predictions: readonly StudyPrediction[]): AnalysisTime {
  const sorted = Float64Array.from(
    predictions.filter(({ scan }) => scan !== null).map(({ durationMs }) => durationMs),
  ).sort();
  if (sorted.length === 0) return { studies: 0, medianMs: null, p95Ms: null };
  return { studies: sorted.length, medianMs: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95) };
}
