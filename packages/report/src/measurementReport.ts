/** The content of the report: TID 1500 Measurement Report (PS3.16), in its order. */

import type { SourceIdentity } from '@ichor/analysis/types';
import { CODES, FINDING_CODES, FINDING_NAMES } from '@ichor/dicom/codes';
import { MANUFACTURER, MODEL_NAME } from '@ichor/dicom/ownObjects';
import { deriveUid } from '@ichor/dicom/uid';
import { describeIncompleteness } from '@ichor/shared/incompleteness';
import {
  FINDING_CLASSES,
  type FindingClass,
  type Findings,
  type ModelIdentity,
  presenceOf,
  type TriageResult,
} from '@ichor/shared/study';
import {
  type ContentItem,
  code,
  container,
  type ImageReference,
  image,
  number,
  text,
  uidReference,
} from './contentItems.ts';

export const LIMITATIONS =
  'Triage aid for research. Not a medical device; not for diagnostic use. The absence of a flag is not a negative read: every study must be read. ' +
  'Scores are not calibrated probabilities. Heat maps show regions that drove a score, not the extent of a hemorrhage.';

export type ReportInput = {
  readonly result: TriageResult;
  readonly identity: SourceIdentity;
  /** Every image that was looked at, in spatial order where known. */
  readonly images: readonly ImageReference[];
  readonly keySlices: readonly (ImageReference & { readonly finding: FindingClass })[];
};

/** @param summaryFirst whether the conclusion stands at the head too, as a person reads it; TID 1500 has it at the end only */
export function measurementReport(input: ReportInput, summaryFirst: boolean): ContentItem[] {
  const { result, images } = input;
  return [
    code('HAS CONCEPT MOD', CODES.language, CODES.english),
    ...deviceObserver(result.model),
    code('HAS CONCEPT MOD', CODES.procedureReported, CODES.ct),
    ...(summaryFirst ? summary(result) : []),
    container(CODES.imageLibrary, [
      container(
        CODES.imageLibraryGroup,
        images.map((one) => image('CONTAINS', CODES.sourceImage, one)),
      ),
    ]),
    container(CODES.imagingMeasurements, measurementGroups(input)),
    container(CODES.qualitativeEvaluations, overall(result)),
  ];
}

/** TID 1002 with TID 1004: the device, whose UID changes with the model. */
function deviceObserver(model: ModelIdentity): ContentItem[] {
  return [
    code('HAS OBS CONTEXT', CODES.observerType, CODES.device),
    uidReference('HAS OBS CONTEXT', CODES.deviceObserverUid, deriveUid('device', model.sha256)),
    text('HAS OBS CONTEXT', CODES.deviceObserverName, `${model.name} ${model.version}`),
    text('HAS OBS CONTEXT', CODES.deviceObserverManufacturer, MANUFACTURER),
    text('HAS OBS CONTEXT', CODES.deviceObserverModelName, MODEL_NAME),
    text('HAS OBS CONTEXT', CODES.deviceObserverSerialNumber, model.sha256.slice(0, 16)),
  ];
}

function measurementGroups(input: ReportInput): ContentItem[] {
  const { findings } = input.result;
  if (findings === null) return [unansweredGroup(input)];
  const order: readonly FindingClass[] = ['any', ...FINDING_CLASSES.filter((name) => name !== 'any')];
  return order.map((name) => findingGroup(input, findings, name));
}

/** TID 1501: one finding with presence, score, algorithm and the slices that show it best. */
function findingGroup({ result, keySlices }: ReportInput, findings: Findings, name: FindingClass): ContentItem {
  const finding = findings[name];
  return container(CODES.measurementGroup, [
    ...tracking(result, name),
    ...algorithm(result.model, finding.threshold),
    code('CONTAINS', CODES.finding, FINDING_CODES[name].finding),
    code('HAS CONCEPT MOD', CODES.findingSite, FINDING_CODES[name].site),
    number('CONTAINS', CODES.certainty, percent(finding.score), CODES.percent, [
      code('HAS CONCEPT MOD', CODES.derivation, CODES.maximum),
    ]),
    code('CONTAINS', CODES.presence, CODES[presenceOf(findings, name)]),
    ...keySlices.filter((slice) => slice.finding === name).map((slice) => image('CONTAINS', CODES.sourceImage, slice)),
  ]);
}

/** A study without findings still says what was asked, and that it was not answered. */
function unansweredGroup({ result }: ReportInput): ContentItem {
  return container(CODES.measurementGroup, [
    ...tracking(result, 'any'),
    ...algorithm(result.model, null),
    code('CONTAINS', CODES.finding, FINDING_CODES.any.finding),
    code('HAS CONCEPT MOD', CODES.findingSite, FINDING_CODES.any.site),
    text('CONTAINS', CODES.comment, conclusion(result)),
  ]);
}

function tracking({ studyInstanceUid, inputDigest, model }: TriageResult, name: FindingClass): ContentItem[] {
  return [
    text('HAS OBS CONTEXT', CODES.trackingIdentifier, FINDING_NAMES[name]),
    uidReference(
      'HAS OBS CONTEXT',
      CODES.trackingUid,
      deriveUid(studyInstanceUid, inputDigest, model.sha256, 'tracking', name),
    ),
  ];
}

/** TID 4019. */
function algorithm(model: ModelIdentity, threshold: number | null): ContentItem[] {
  return [
    text('HAS CONCEPT MOD', CODES.algorithmName, model.name),
    text('HAS CONCEPT MOD', CODES.algorithmVersion, model.version),
    ...(threshold === null
      ? []
      : [text('HAS CONCEPT MOD', CODES.algorithmParameters, `threshold ${percent(threshold)} %`)]),
    text('HAS CONCEPT MOD', CODES.algorithmParameters, `model SHA-256 ${model.sha256}`),
  ];
}

function overall(result: TriageResult): ContentItem[] {
  const flagged = result.findings?.any.present;
  return [
    ...(result.findings === null ? [] : [code('CONTAINS', CODES.presence, flagged ? CODES.present : CODES.absent)]),
    text('CONTAINS', CODES.comment, conclusion(result)),
    text('CONTAINS', CODES.comment, LIMITATIONS),
  ];
}

function summary(result: TriageResult): ContentItem[] {
  return [text('CONTAINS', CODES.conclusion, conclusion(result)), text('CONTAINS', CODES.comment, LIMITATIONS)];
}

/** The result in a sentence that a radiologist reads first. */
export function conclusion(result: TriageResult): string {
  const { incomplete, state } = result;
  const warning = incomplete && state !== 'not-analysed' ? ` INCOMPLETE: ${describeIncompleteness(incomplete)}.` : '';
  return outcome(result) + warning;
}

function outcome({ state, reason, findings, errorCode }: TriageResult): string {
  if (state === 'not-analysed')
    return `NOT ANALYSED, because: ${reason?.sentence ?? 'unknown'}${reason?.detail ? ` (${reason.detail})` : ''} This study has not been triaged.`;
  if (state === 'failed' || findings === null)
    return `NOT ANALYSED: the analysis failed (${errorCode ?? 'unknown'}). This study has not been triaged.`;
  const present = FINDING_CLASSES.filter((name) => findings[name].present);
  if (present.length === 0)
    return 'No suspicion of intracranial hemorrhage was raised by the algorithm. This is not a negative read.';
  const suspected = present
    .filter((name) => name !== 'any')
    .map((name) => `${FINDING_NAMES[name]} (score ${percent(findings[name].score)} %)`);
  return `FLAGGED: suspicion of intracranial hemorrhage (score ${percent(findings.any.score)} %).${suspected.length > 0 ? ` Suspected: ${suspected.join(', ')}.` : ' The kind of hemorrhage is undetermined.'}`;
}

/** 0–1 as per cent with one decimal. */
export const percent = (fraction: number): number => Math.round(fraction * 1000) / 10;
