/** A row of the table `result` as the outcome that it holds. Pure. */
import type { Incompleteness } from '@ichor/shared/incompleteness';
import type { Reason } from '@ichor/shared/reasons';
import {
  type Findings,
  type KeySlice,
  NOTHING_FOUND,
  type ResultState,
  type SeriesSelection,
  type SliceHeatmap,
  type SliceScore,
  type TriageResult,
} from '@ichor/shared/study';
import { type ModelRow, toModel } from './modelTarget.ts';

export type ResultRow = ModelRow & {
  readonly study_instance_uid: string;
  readonly input_digest: string;
  readonly state: ResultState;
  readonly reason: Reason | null;
  readonly error_code: string | null;
  readonly findings: Findings | null;
  readonly key_slices: readonly KeySlice[];
  readonly slice_scores: readonly SliceScore[];
  readonly heatmaps: readonly SliceHeatmap[] | null;
  readonly series: readonly SeriesSelection[];
  readonly incomplete: Incompleteness | null;
};

/** @returns null when the row lacks what its state must carry: nothing can be told from it */
export function toResult(row: ResultRow): TriageResult | null {
  const { state, reason, error_code: errorCode, findings } = row;
  if (state === 'not-analysed')
    return reason && { ...ofOneAnalysis(row), ...NOTHING_FOUND, state, reason, errorCode: null };
  if (state === 'failed')
    return errorCode === null ? null : { ...ofOneAnalysis(row), ...NOTHING_FOUND, state, reason: null, errorCode };
  if (findings === null) return null;
  const { key_slices: keySlices, slice_scores: sliceScores, heatmaps } = row;
  const found = { findings, keySlices, sliceScores, heatmaps: heatmaps ?? [] };
  return { ...ofOneAnalysis(row), ...found, state, reason: null, errorCode: null };
}

const ofOneAnalysis = (row: ResultRow) => ({
  studyInstanceUid: row.study_instance_uid,
  inputDigest: row.input_digest,
  model: toModel(row),
  series: row.series,
  incomplete: row.incomplete,
});
