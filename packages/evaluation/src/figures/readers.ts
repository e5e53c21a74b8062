/** Readers beside the model on the same cases (paper, Table 5). Pure. */
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import type { LabelledData } from '../labels/matchLabels.ts';
import type { Reading } from '../labels/readReaders.ts';
import { type Draws, type Estimate, estimate, estimateShare } from '../metrics/bootstrap.ts';
import { kappaStatistic } from '../metrics/kappa.ts';
import { aucStatistic, rank } from '../metrics/ranking.ts';
import { accuracyAt, sensitivityAt, specificityAt } from '../metrics/rates.ts';
import type { Scored } from '../metrics/scored.ts';
import type { StudyPrediction } from '../predictions/studyPrediction.ts';
import { type AnalysedCase, CALLED, calledAt, casesOf, LEVELS, type LevelCases, type LevelName } from './cases.ts';

export type JudgeFigures = {
  /** Of a model that of its scores; of a reader, who calls and does not score, the mean of sensitivity and specificity. */
  readonly auc: Estimate;
  readonly sensitivity: Estimate;
  readonly specificity: Estimate;
  readonly accuracy: Estimate;
  /** Cohen's kappa against the truth. */
  readonly kappa: Estimate;
};
/** One reader, one class, one level; the model and its CNN alone on the very same cases beside it. */
export type ReaderFigures = {
  readonly reader: string;
  readonly level: LevelName;
  readonly finding: FindingClass;
  readonly cases: number;
  readonly positives: number;
  readonly readerFigures: JudgeFigures;
  readonly modelFigures: JudgeFigures;
  readonly cnnFigures: JudgeFigures;
  /** Cohen's kappa, reader against model. */
  readonly kappaWithModel: Estimate;
  readonly kappaWithCnn: Estimate;
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
  const called = { scan: calledAt(cases.scan, thresholds), slice: cases.slice && calledAt(cases.slice, thresholds) };
  const names = [...new Set(readings.map(({ reader }) => reader))].sort();
  return names.flatMap((reader) =>
    LEVELS.flatMap((level) => {
      const calls = callsOf(
        data,
        readings.filter((reading) => reading.reader === reader),
        level,
      );
      return FINDING_CLASSES.flatMap((finding, index) =>
        figuresOf(judgedCases(cases[level], called[level], calls, index), data.patients, draws).map((figures) => ({
          reader,
          level,
          finding,
          ...figures,
        })),
      );
    }),
  );
}

const JUDGES = ['reader', 'sequence', 'cnn'] as const;
type Judge = (typeof JUDGES)[number];
type ByJudge = Readonly<Record<Judge, number>>;
/** What each judge called, and the score that it rests on; a reader's is the call itself. */
type Judged = { readonly patient: number; readonly truth: number; readonly call: ByJudge; readonly score: ByJudge };

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

/** @param level, called its scores and its decisions; null where studies are labelled and slices are asked for */
function judgedCases(level: LevelCases | null, called: LevelCases | null, calls: Calls, index: number): Judged[] {
  if (level === null || called === null) return [];
  return level.analysed.flatMap((one: AnalysedCase, place) => {
    const reader = calls.get(`${one.study} ${one.sopInstanceUid}`)?.[index] ?? null;
    if (reader === null) return [];
    const of = ({ scores }: AnalysedCase): ByJudge => ({
      reader,
      sequence: scores.sequence[index]!,
      cnn: scores.cnn[index]!,
    });
    return [{ patient: one.patient, truth: one.truth[index]!, call: of(called.analysed[place]!), score: of(one) }];
  });
}

function figuresOf(judged: readonly Judged[], patients: number, draws: Draws) {
  if (judged.length === 0) return [];
  return [
    {
      cases: judged.length,
      positives: judged.filter(({ truth }) => truth === 1).length,
      readerFigures: judgeFigures(judged, 'reader', patients, draws),
      modelFigures: judgeFigures(judged, 'sequence', patients, draws),
      cnnFigures: judgeFigures(judged, 'cnn', patients, draws),
      kappaWithModel: kappaOf(judged, 'reader', 'sequence', patients, draws),
      kappaWithCnn: kappaOf(judged, 'reader', 'cnn', patients, draws),
    },
  ];
}

function judgeFigures(judged: readonly Judged[], judge: Judge, patients: number, draws: Draws): JudgeFigures {
  const of = (what: 'call' | 'score'): Scored => ({
    truth: Uint8Array.from(judged, ({ truth }) => truth),
    score: Float64Array.from(judged, (one) => one[what][judge]),
    patient: Int32Array.from(judged, ({ patient }) => patient),
    patients,
  });
  const called = of('call');
  return {
    auc: estimate(aucStatistic(rank(of('score'))), draws),
    sensitivity: estimateShare(sensitivityAt(called, CALLED), draws),
    specificity: estimateShare(specificityAt(called, CALLED), draws),
    accuracy: estimateShare(accuracyAt(called, CALLED), draws),
    kappa: kappaOf(judged, judge, 'truth', patients, draws),
  };
}

function kappaOf(
  judged: readonly Judged[],
  one: Judge,
  other: Judge | 'truth',
  patients: number,
  draws: Draws,
): Estimate {
  const statistic = kappaStatistic({
    one: Uint8Array.from(judged, ({ call }) => call[one]),
    other: Uint8Array.from(judged, ({ call, truth }) => (other === 'truth' ? truth : call[other])),
    patient: Int32Array.from(judged, ({ patient }) => patient),
    patients,
  });
  return estimate(statistic, draws);
}
