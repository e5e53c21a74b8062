/** Readers beside the model on the same cases (paper, Table 5). Pure. */
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { Reading } from '../labels/readReaders.ts';
import { type Draws, type Estimate, estimate, estimateShare } from '../metrics/bootstrap.ts';
import { kappaStatistic } from '../metrics/kappa.ts';
import { accuracyAt, sensitivityAt, specificityAt } from '../metrics/rates.ts';
import type { Scored } from '../metrics/scored.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { type AnalysedCase, casesOf, LEVELS, type LevelName } from './cases.ts';

export type JudgeFigures = {
  readonly sensitivity: Estimate;
  readonly specificity: Estimate;
  readonly accuracy: Estimate;
  /** Cohen's kappa against the truth. */
  readonly kappa: Estimate;
};
/** One reader, one class, one level; the model on the very same cases beside it. */
export type ReaderFigures = {
  readonly reader: string;
  readonly level: LevelName;
  readonly finding: FindingClass;
  readonly cases: number;
  readonly positives: number;
  readonly readerFigures: JudgeFigures;
  readonly modelFigures: JudgeFigures;
  /** Cohen's kappa, reader against model. */
  readonly kappaWithModel: Estimate;
};

/** @param thresholds of the model, in FINDING_CLASSES order */
export function readerFigures(
  data: LabelledData,
  predictions: readonly StudyPrediction[],
  readings: readonly Reading[],
  thresholds: readonly number[],
  draws: Draws,
): ReaderFigures[] {
  const cases = casesOf(data, predictions);
  const names = [...new Set(readings.map(({ reader }) => reader))].sort();
  return names.flatMap((reader) =>
    LEVELS.flatMap((level) => {
      const calls = callsOf(
        data,
        readings.filter((reading) => reading.reader === reader),
        level,
      );
      return FINDING_CLASSES.flatMap((finding, index) =>
        figuresOf(
          judgedCases(cases[level]?.analysed ?? [], calls, index, thresholds[index]!),
          data.patients,
          draws,
        ).map((figures) => ({ reader, level, finding, ...figures })),
      );
    }),
  );
}

type Judged = { readonly patient: number; readonly truth: number; readonly reader: number; readonly model: number };

type Calls = ReadonlyMap<string, readonly (number | null)[]>;

function callsOf(data: LabelledData, readings: readonly Reading[], level: LevelName): Calls {
  if (level === 'slice')
    return new Map(
      readings.flatMap(({ study, sopInstanceUid, calls }) =>
        sopInstanceUid === null ? [] : [[`${study} ${sopInstanceUid}`, calls]],
      ),
    );
  return scanCalls(data, readings);
}

/** A reader who read every labelled slice of a study also judged the study: present where a slice shows it. */
function scanCalls({ studies }: LabelledData, readings: readonly Reading[]): Calls {
  const read = studies.map((_, study) => readings.filter((reading) => reading.study === study));
  return new Map(
    read.flatMap((own, study) => {
      const whole = own.find(({ sopInstanceUid }) => sopInstanceUid === null);
      if (whole !== undefined) return [[`${study} null`, whole.calls] as const];
      if (own.length === 0 || own.length < studies[study]!.slices.size) return [];
      return [[`${study} null`, FINDING_CLASSES.map((_, index) => highest(own, index))] as const];
    }),
  );
}

/** Null when a slice was not judged for this class. */
function highest(readings: readonly Reading[], index: number): number | null {
  const calls = readings.map(({ calls: own }) => own[index] ?? null);
  return calls.reduce<number | null>((most, call) => (most === null || call === null ? null : Math.max(most, call)), 0);
}

function judgedCases(
  cases: readonly AnalysedCase[],
  calls: ReadonlyMap<string, readonly (number | null)[]>,
  index: number,
  threshold: number,
): Judged[] {
  return cases.flatMap(({ study, sopInstanceUid, patient, truth, scores }) => {
    const reader = calls.get(`${study} ${sopInstanceUid}`)?.[index] ?? null;
    const model = Number(scores.sequence[index]! >= threshold);
    return reader === null ? [] : [{ patient, truth: truth[index]!, reader, model }];
  });
}

function figuresOf(judged: readonly Judged[], patients: number, draws: Draws) {
  if (judged.length === 0) return [];
  return [
    {
      cases: judged.length,
      positives: judged.filter(({ truth }) => truth === 1).length,
      readerFigures: judgeFigures(judged, 'reader', patients, draws),
      modelFigures: judgeFigures(judged, 'model', patients, draws),
      kappaWithModel: kappaOf(judged, 'reader', 'model', patients, draws),
    },
  ];
}

function judgeFigures(
  judged: readonly Judged[],
  judge: 'reader' | 'model',
  patients: number,
  draws: Draws,
): JudgeFigures {
  const scored: Scored = {
    truth: Uint8Array.from(judged, ({ truth }) => truth),
    score: Float64Array.from(judged, (one) => one[judge]),
    patient: Int32Array.from(judged, ({ patient }) => patient),
    patients,
  };
  return {
    sensitivity: estimateShare(sensitivityAt(scored, 0.5), draws),
    specificity: estimateShare(specificityAt(scored, 0.5), draws),
    accuracy: estimateShare(accuracyAt(scored, 0.5), draws),
    kappa: kappaOf(judged, judge, 'truth', patients, draws),
  };
}

function kappaOf(
  judged: readonly Judged[],
  one: 'reader' | 'model',
  other: 'model' | 'truth',
  patients: number,
  draws: Draws,
): Estimate {
  const statistic = kappaStatistic({
    one: Uint8Array.from(judged, (judgement) => judgement[one]),
    other: Uint8Array.from(judged, (judgement) => judgement[other]),
    patient: Int32Array.from(judged, ({ patient }) => patient),
    patients,
  });
  return estimate(statistic, draws);
}
