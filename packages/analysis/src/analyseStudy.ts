/**
 * ★ From the files of one study to its result: the whole analysis, without database, queue or network.
 * `ichor triage DIR` and the worker both run exactly this.
 */
import { createHash } from 'node:crypto';
import type { FileReader, FileReference } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { Reason, ReasonCode } from '@ichor/shared/reasons';
import { reason } from '@ichor/shared/reasons';
import type { FailedResult, FoundResult, NotAnalysedResult, SeriesSelection } from '@ichor/shared/study';
import { NOTHING_FOUND } from '@ichor/shared/study';
import { classNames, decision, findingOf, type Target, targetOf } from '@ichor/shared/target';
import type { Accepted } from './accepted.ts';
import type { FeatureCache } from './featureCache.ts';
import type { Inference } from './inference/inference.ts';
import { sliceHeatmaps } from './sliceHeatmaps.ts';
import type { Analysis, SliceStack, SourceIdentity } from './types.ts';
import { buildStack } from './volume/buildStack.ts';
import { unevenness } from './volume/evenness.ts';
import { type HeaderProblem, type InstanceHeader, readHeaders } from './volume/readHeaders.ts';
import { resolveConflicts } from './volume/resolveConflicts.ts';
import { selectSeries } from './volume/selectSeries.ts';
import { sourceIdentity } from './volume/sourceIdentity.ts';

/** A study after analysis: the result, and what the report and the heat maps need of the source. */
export type AnalysedStudy = StudyWithFindings | StudyWithoutFindings;
export type StudyWithFindings = Source & {
  readonly result: FoundResult;
  readonly identity: SourceIdentity;
  readonly stack: SliceStack;
  readonly analysis: Analysis;
};
export type StudyWithoutFindings<Result = NotAnalysedResult | FailedResult> = Source & {
  readonly result: Result;
  /** Null when no header could be read. */
  readonly identity: SourceIdentity | null;
  readonly stack: null;
  readonly analysis: null;
};
type Source = {
  /** Every readable image of the study, for the report's evidence when nothing was analysed. */
  readonly headers: readonly InstanceHeader[];
};

type Tools = {
  readonly inference: Inference;
  readonly features: FeatureCache;
  /** Where the files are read. */
  readonly files: FileReader;
  /** What an evaluation takes against production's rules. Production has none. */
  readonly accepted?: Accepted;
};

/**
 * Analyses the files of one study. Bad input is a `not-analysed` result, never an exception; a file that the file system does not give
 * is no input at all.
 * @param references of Part 10 files, all of one study
 * @throws IchorError FILE_UNREADABLE, INFERENCE_TIMEOUT, INFERENCE_CRASHED, INFERENCE_FAILED
 */
export async function analyseStudy(
  studyInstanceUid: string,
  references: readonly FileReference[],
  tools: Tools,
): Promise<StudyWithFindings | StudyWithoutFindings<NotAnalysedResult>> {
  const unreadable: HeaderProblem[] = [];
  const found = await readHeaders(tools.files, references, (problem) => unreadable.push(problem), tools.accepted);
  const fault = unreadable.find(({ error }) => error.code === 'FILE_UNREADABLE');
  if (fault !== undefined) throw fault.error;
  const { headers, conflicting } = await resolveConflicts(found, (image) =>
    tools.inference.pixelDigest(image, tools.files),
  );
  const choice = chooseStack(headers, tools.accepted);
  const why =
    choice.stack === null
      ? (whyUnread(unreadable, choice.reason) ?? choice.reason)
      : (whyIncomplete(unreadable) ?? whyConflicting(choice.stack, conflicting) ?? whyMixed(choice.stack, headers));
  const study = { studyInstanceUid, headers, choice, references, tools };
  if (why !== null || choice.stack === null) return notAnalysed(study, why ?? reason('no-head-ct'));
  try {
    return await analysed(study, choice.stack);
  } catch (error) {
    if (error instanceof NotAnalysable) return notAnalysed(study, error.reason);
    throw error;
  }
}

type Choice = {
  readonly stack: SliceStack | null;
  readonly reason: Reason | null;
  readonly series: readonly SeriesSelection[];
};
type Study = {
  readonly studyInstanceUid: string;
  readonly headers: readonly InstanceHeader[];
  readonly choice: Choice;
  readonly references: readonly FileReference[];
  readonly tools: Tools;
};

/** The best series that makes a stack; a series that does not is set aside with its reason and the next best is tried. */
function chooseStack(headers: readonly InstanceHeader[], accepted?: Accepted): Choice {
  const setAside = new Map<string, SeriesSelection>();
  for (;;) {
    const candidates = headers.filter((header) => !setAside.has(header.seriesInstanceUid));
    const { selected, selections, reason: none } = selectSeries(candidates, accepted);
    const series = [...selections, ...setAside.values()];
    if (selected === null) return { stack: null, reason: [...setAside.values()][0]?.reason ?? none, series };
    const built = buildStack(selected);
    const why = 'stack' in built ? unevenness(built.stack) : built.reason;
    if ('stack' in built && why === null) return { stack: built.stack, reason: null, series };
    const { seriesInstanceUid } = selected[0]!;
    const own = selections.find((one) => one.seriesInstanceUid === seriesInstanceUid)!;
    setAside.set(seriesInstanceUid, { ...own, reason: why });
  }
}

/** An instance that cannot be read may be the slice with the bleed: such a study is never `clear`. */
function whyIncomplete(unreadable: readonly HeaderProblem[]): Reason | null {
  return unreadable.length === 0
    ? null
    : reason('unreadable-instance', `${unreadable.length} of the study, the first: ${unreadable[0]!.error.message}`);
}

/** Reasons that what could not be read may be the cause of. */
const FOR_WANT_OF_SLICES: ReadonlySet<ReasonCode> = new Set([
  'no-head-ct',
  'not-ct',
  'localizer',
  'too-few-slices',
  'incomplete-coverage',
]);

/** Where nothing was left to analyse, the true reason may be that the slices could not be read. */
const whyUnread = (unreadable: readonly HeaderProblem[], found: Reason | null): Reason | null =>
  found === null || FOR_WANT_OF_SLICES.has(found.code) ? whyIncomplete(unreadable) : null;

function whyConflicting(stack: SliceStack, conflicting: ReadonlySet<string>): Reason | null {
  const slice = stack.slices.find(({ sopInstanceUid }) => conflicting.has(sopInstanceUid));
  return slice === undefined ? null : reason('conflicting-instances', slice.sopInstanceUid);
}

/** A report would go to one of them, and be about the other. */
function whyMixed({ seriesInstanceUid }: SliceStack, headers: readonly InstanceHeader[]): Reason | null {
  const own = headers.filter((header) => header.seriesInstanceUid === seriesInstanceUid);
  const patients = new Set(own.map(({ dataset }) => dataset.text('PatientID')?.trim() ?? ''));
  return patients.size > 1 ? reason('mixed-patients', `${patients.size} Patient IDs`) : null;
}

async function analysed(study: Study, stack: SliceStack): Promise<StudyWithFindings> {
  const { inference, features, files } = study.tools;
  const cached = await features.load(stack, inference.model);
  const analysis = await inference.analyse(stack, { cached, files });
  await features.save(stack, analysis);
  const target = targetOf(analysis.model);
  const [first] = study.headers.filter((header) => header.seriesInstanceUid === stack.seriesInstanceUid);
  if (first === undefined) throw new Error(`stack ${stack.seriesInstanceUid} has no instance`);
  return {
    headers: study.headers,
    identity: sourceIdentity(first),
    stack,
    analysis,
    result: {
      ...common(study),
      errorCode: null,
      inputDigest: digestOf([
        ...analysis.slices.map((slice, index) => sliceKey(stack, index, slice.pixelDigest)),
        thresholdsKey(target, analysis),
      ]),
      state: decision(target, analysis.findings).present ? 'flagged' : 'clear',
      reason: null,
      findings: analysis.findings,
      keySlices: analysis.keySlices,
      sliceScores: analysis.sliceScores,
      heatmaps: sliceHeatmaps(stack, analysis.keySliceImages, target),
    },
  };
}

function notAnalysed(study: Study, why: Reason): StudyWithoutFindings<NotAnalysedResult> {
  const chosen = study.headers.find((one) => one.seriesInstanceUid === study.choice.stack?.seriesInstanceUid);
  const named = chosen ?? study.headers[0];
  const instances = study.headers.map((header) => `${header.sopInstanceUid} ${header.reference.split('/').at(-1)}`);
  const unread = study.references.length - study.headers.length;
  return {
    headers: study.headers,
    identity: named === undefined ? null : sourceIdentity(named),
    stack: null,
    analysis: null,
    result: {
      ...common(study),
      ...NOTHING_FOUND,
      inputDigest: digestOf([...instances, `unreadable ${unread}`, why.code]),
      series: study.choice.series.map((one) => (one.reason === null ? { ...one, reason: why } : one)),
      state: 'not-analysed',
      reason: why,
      errorCode: null,
    },
  };
}

function common({ studyInstanceUid, choice, tools }: Study) {
  return { studyInstanceUid, model: tools.inference.model, series: choice.series };
}

function sliceKey(stack: SliceStack, index: number, pixelDigest: string): string {
  const slice = stack.slices[index]!;
  return `${slice.sopInstanceUid} ${slice.frameNumber} ${pixelDigest}`;
}

/** A site that changes its thresholds and analyses again gets a new revision. */
function thresholdsKey(target: Target, { findings }: Analysis): string {
  return `thresholds ${classNames(target)
    .map((name) => findingOf(findings, name).threshold)
    .join(' ')}`;
}

function digestOf(lines: readonly string[]): string {
  return createHash('sha256')
    .update([...lines].sort().join('\n'))
    .digest('hex');
}
