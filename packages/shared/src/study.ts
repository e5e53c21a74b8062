/** What the database, the API and the report say of a study. */
import type { Incompleteness } from './incompleteness.ts';
import type { Reason } from './reasons.ts';
import type { Target } from './target.ts';

/** The six classes that labels of intracranial hemorrhage are of (Burduja et al. 2020). What a model looks for: target.ts. */
export const FINDING_CLASSES = [
  'epidural',
  'intraparenchymal',
  'intraventricular',
  'subarachnoid',
  'subdural',
  'any',
] as const;
export type FindingClass = (typeof FINDING_CLASSES)[number];

/** `receiving` → `queued` → `analysing` → one of the four results; a late instance leads from a result to a new revision. */
export const STUDY_STATES = ['receiving', 'queued', 'analysing', 'flagged', 'clear', 'not-analysed', 'failed'] as const;
export type StudyState = (typeof STUDY_STATES)[number];
export const RESULT_STATES = ['flagged', 'clear', 'not-analysed', 'failed'] as const;
export type ResultState = (typeof RESULT_STATES)[number];

/** Scan-level score: the maximum over slices of the calibrated probability. `present` when it reaches the threshold. */
export type Finding = { readonly score: number; readonly threshold: number; readonly present: boolean };
/** By the names of the classes of the model's target (target.ts). */
export type Findings = Readonly<Record<string, Finding>>;

export type Presence = 'present' | 'absent' | 'undetermined';

/** A slice that shows a finding; `score` is that slice's calibrated probability. */
export type KeySlice = {
  readonly sopInstanceUid: string;
  /** 1-based frame number in an enhanced multi-frame instance; absent for single-frame instances. */
  readonly frameNumber?: number;
  readonly finding: string;
  readonly score: number;
};

export type ModelIdentity = {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** What it looks for, where its bundle says so; absent: the six classes of intracranial hemorrhage (target.ts). */
  readonly target?: Target;
};

/** Instances that lie in a series and are no slices of it (a scout, a screen capture …), and why they were left out of the analysis. */
export type LeftOut = { readonly instances: number; readonly why: string };

/** What the selection said of one series. `reason` is null for the series that was analysed. */
export type SeriesSelection = {
  readonly seriesInstanceUid: string;
  readonly description: string | null;
  readonly instances: number;
  readonly reason: Reason | null;
  /** Absent when every instance counted. */
  readonly leftOut?: readonly LeftOut[];
};

/** Probabilities of one analysed slice, in spatial order from skull base to vertex. */
export type SliceScore = {
  readonly sopInstanceUid: string;
  readonly frameNumber?: number;
  /** Calibrated probabilities of the sequence model, in the order of the target's classes. */
  readonly probabilities: readonly number[];
  /** Of the CNN alone. */
  readonly cnnProbabilities: readonly number[];
  /** SHA-256 (hex) of the Hounsfield units that were analysed; absent in results of before Ichor kept it. */
  readonly pixelDigest?: string;
  /** z of the first pixel's centre (Image Position (Patient), PS3.3 C.7.6.2.1.1), mm; absent in results of before Ichor kept it. */
  readonly zMm?: number;
  /** For each present finding, how much this slice drove its decision: the share of all slices' influence, which add up to 1. */
  readonly influence?: Readonly<Partial<Record<string, number>>>;
};

/** The heat map of a key slice as numbers: what its secondary capture is drawn from. */
export type SliceHeatmap = {
  readonly sopInstanceUid: string;
  readonly frameNumber?: number;
  /** What the map explains, and that class's calibrated probability on the slice. */
  readonly finding: string;
  readonly score: number;
  /** Matrix of the slice, as stored. */
  readonly rows: number;
  readonly columns: number;
  readonly mapRows: number;
  readonly mapColumns: number;
  /** There where the map explains what the CNN says of the slice alone, not the sequence model's decision that is shown. */
  readonly of?: 'cnn';
  /** [mapRows, mapColumns], ≥ 0, unscaled: float32, little endian, base64. */
  readonly map: string;
};

/**
 * Outcome of one analysis, before it is stored: a union by state. Each member has every field, so that rows and JSON have one shape, and
 * those that its state does not carry can be nothing but null or empty: `findings === null` tells the members apart as `state` does.
 */
export type TriageResult = FoundResult | NotAnalysedResult | FailedResult;
export type FoundResult = OfOneAnalysis & {
  readonly state: 'flagged' | 'clear';
  readonly reason: null;
  readonly errorCode: null;
  readonly findings: Findings;
  readonly keySlices: readonly KeySlice[];
  readonly sliceScores: readonly SliceScore[];
  readonly heatmaps: readonly SliceHeatmap[];
};
export type NotAnalysedResult = OfOneAnalysis &
  NothingFound & { readonly state: 'not-analysed'; readonly reason: Reason; readonly errorCode: null };
export type FailedResult = OfOneAnalysis &
  NothingFound & { readonly state: 'failed'; readonly reason: null; readonly errorCode: string };

type NothingFound = {
  readonly findings: null;
  readonly keySlices: readonly never[];
  readonly sliceScores: readonly never[];
  readonly heatmaps: readonly never[];
};
export const NOTHING_FOUND: NothingFound = { findings: null, keySlices: [], sliceScores: [], heatmaps: [] };

type OfOneAnalysis = {
  readonly studyInstanceUid: string;
  /** SHA-256 over the sorted SOP Instance UIDs and pixel digests that went in (hex). */
  readonly inputDigest: string;
  readonly model: ModelIdentity;
  readonly series: readonly SeriesSelection[];
  /** What was known to be missing when it was decided; absent or null: nothing. */
  readonly incomplete?: Incompleteness | null;
};

/** The structured report and the heat maps of a result: made after it, so that no flag waits for them. */
export const REPORT_STATES = ['pending', 'written', 'failed'] as const;
export type ReportState = (typeof REPORT_STATES)[number];

export type DeliveryState = 'pending' | 'stored' | 'committed' | 'dead';
export type StudyDelivery = {
  readonly destination: string;
  readonly object: 'SR' | 'SC';
  readonly sopInstanceUid: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly error: string | null;
};

/**
 * A study as `GET /api/studies` and `ichor triage --json` give it: a union by state, in which every member has every field, as in
 * {@link TriageResult}. Times are ISO 8601 in UTC or null.
 */
export type StudyView = FoundStudy | NotAnalysedStudy | FailedStudy | WaitingStudy;
export type FoundStudy = OfOneStudy & {
  readonly state: 'flagged' | 'clear';
  readonly reason: null;
  readonly error: null;
  readonly findings: Findings;
  readonly keySlices: readonly KeySlice[];
  readonly series: readonly SeriesSelection[];
  readonly model: ModelIdentity;
};
export type NotAnalysedStudy = OfOneStudy & {
  readonly state: 'not-analysed';
  readonly reason: Reason;
  readonly error: null;
  readonly findings: null;
  readonly keySlices: readonly never[];
  readonly series: readonly SeriesSelection[];
  readonly model: ModelIdentity;
};
export type FailedStudy = OfOneStudy & {
  readonly state: 'failed';
  readonly reason: null;
  readonly error: string;
  readonly findings: null;
  readonly keySlices: readonly never[];
  readonly series: readonly SeriesSelection[];
  /** Null when not even the failure could be stored as a result. */
  readonly model: ModelIdentity | null;
};
/** It has no result yet, or none that stands. */
export type WaitingStudy = OfOneStudy & {
  readonly state: Exclude<StudyState, ResultState>;
  readonly reason: null;
  readonly error: null;
  readonly findings: null;
  readonly keySlices: readonly never[];
  readonly series: readonly never[];
  readonly model: null;
};
type OfOneStudy = {
  /** Only for people and tokens that may see patients; null when the study names none. */
  readonly patient?: { readonly name: string | null; readonly id: string | null } | null;
  readonly studyInstanceUid: string;
  readonly accessionNumber: string | null;
  readonly revision: number;
  readonly priority: number;
  readonly receivedInstances: number;
  /** What is known to be missing; null: nothing. */
  readonly incomplete: Incompleteness | null;
  /** `decided`: when the result that is shown came, whatever it says; `flagged`: the same, of a flagged study only. */
  readonly times: Readonly<
    Record<'firstInstance' | 'lastInstance' | 'complete' | 'decided' | 'flagged' | 'delivered', string | null>
  >;
  /** Null without a result, and when no header of the study could be read: then there is nobody to write a report about. */
  readonly report: ReportState | null;
  readonly deliveries: readonly StudyDelivery[];
};
