/** The content of the report: TID 1500 Measurement Report (PS3.16), in its order. */

import type { SourceIdentity } from '@ichor/analysis/types';
import { CODES } from '@ichor/dicom/codes';
import { MANUFACTURER, MODEL_NAME } from '@ichor/dicom/ownObjects';
import { deriveUid } from '@ichor/dicom/uid';
import { describeIncompleteness } from '@ichor/shared/incompleteness';
import type { Findings, ModelIdentity, TriageResult } from '@ichor/shared/study';
import {
  decidingFirst,
  decision,
  findingOf,
  presenceOf,
  presentKinds,
  type Target,
  type TargetClass,
  targetOf,
} from '@ichor/shared/target';
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

export const limitations = ({ general }: Target): string =>
  'Triage aid for research. Not a medical device; not for diagnostic use. The absence of a flag is not a negative read: every study must be read. ' +
  `Scores are not calibrated probabilities. Heat maps show regions that drove a score, not the extent of ${/^[aeiou]/i.test(general) ? 'an' : 'a'} ${general}.`;

/** Of bundles whose sequence model cannot be explained, and of those that have none. */
const OF_THE_CNN =
  ' Heat maps are Grad-CAM of the CNN alone: they explain what it says of a slice by itself, not what neighbouring slices add to the score.';

const limitationsOf = ({ model, heatmaps }: TriageResult): string =>
  limitations(targetOf(model)) + (heatmaps.some(({ of }) => of === 'cnn') ? OF_THE_CNN : '');

export type ReportInput = {
  readonly result: TriageResult;
  readonly identity: SourceIdentity;
  /** Every image that was looked at, in spatial order where known. */
  readonly images: readonly ImageReference[];
  readonly keySlices: readonly (ImageReference & { readonly finding: string })[];
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
  const { findings, model } = input.result;
  const target = targetOf(model);
  const classes = decidingFirst(target);
  if (findings === null) return [unansweredGroup(input, classes[0]!)];
  return classes.map((one) => findingGroup(input, target, findings, one));
}

/** TID 1501: one finding with presence, score, algorithm and the slices that show it best. */
function findingGroup(
  { result, keySlices }: ReportInput,
  target: Target,
  findings: Findings,
  one: TargetClass,
): ContentItem {
  const finding = findingOf(findings, one.name);
  return container(CODES.measurementGroup, [
    ...tracking(result, one),
    ...algorithm(result.model, finding.threshold),
    code('CONTAINS', CODES.finding, one.finding),
    code('HAS CONCEPT MOD', CODES.findingSite, one.site),
    number('CONTAINS', CODES.certainty, percent(finding.score), CODES.percent, [
      code('HAS CONCEPT MOD', CODES.derivation, CODES.maximum),
    ]),
    code('CONTAINS', CODES.presence, CODES[presenceOf(target, findings, one.name)]),
    ...keySlices
      .filter((slice) => slice.finding === one.name)
      .map((slice) => image('CONTAINS', CODES.sourceImage, slice)),
  ]);
}

/** A study without findings still says what was asked, and that it was not answered. */
function unansweredGroup({ result }: ReportInput, asked: TargetClass): ContentItem {
  return container(CODES.measurementGroup, [
    ...tracking(result, asked),
    ...algorithm(result.model, null),
    code('CONTAINS', CODES.finding, asked.finding),
    code('HAS CONCEPT MOD', CODES.findingSite, asked.site),
    text('CONTAINS', CODES.comment, conclusion(result)),
  ]);
}

function tracking(
  { studyInstanceUid, inputDigest, model }: TriageResult,
  { name, meaning }: TargetClass,
): ContentItem[] {
  return [
    text('HAS OBS CONTEXT', CODES.trackingIdentifier, meaning),
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
  const { findings, model } = result;
  return [
    ...(findings === null
      ? []
      : [code('CONTAINS', CODES.presence, CODES[decision(targetOf(model), findings).present ? 'present' : 'absent'])]),
    text('CONTAINS', CODES.comment, conclusion(result)),
    text('CONTAINS', CODES.comment, limitationsOf(result)),
  ];
}

function summary(result: TriageResult): ContentItem[] {
  return [
    text('CONTAINS', CODES.conclusion, conclusion(result)),
    text('CONTAINS', CODES.comment, limitationsOf(result)),
  ];
}

/** The result in a sentence that a radiologist reads first. */
export function conclusion(result: TriageResult): string {
  const { incomplete, state } = result;
  const warning = incomplete && state !== 'not-analysed' ? ` INCOMPLETE: ${describeIncompleteness(incomplete)}.` : '';
  return outcome(result) + warning;
}

function outcome({ state, reason, findings, errorCode, model }: TriageResult): string {
  if (state === 'not-analysed')
    return `NOT ANALYSED, because: ${reason.sentence}${reason.detail ? ` (${reason.detail})` : ''} This study has not been triaged.`;
  if (state === 'failed') return `NOT ANALYSED: the analysis failed (${errorCode}). This study has not been triaged.`;
  return answer(targetOf(model), findings);
}

function answer(target: Target, findings: Findings): string {
  const { present, score } = decision(target, findings);
  if (!present) return `No suspicion of ${target.name} was raised by the algorithm. This is not a negative read.`;
  const kinds = presentKinds(target, findings);
  const scored = kinds.map(({ name, meaning }) => `${meaning} (score ${percent(findingOf(findings, name).score)} %)`);
  const suspected =
    scored.length > 0 ? ` Suspected: ${scored.join(', ')}.` : ` The kind of ${target.general} is undetermined.`;
  return `FLAGGED: suspicion of ${target.name} (score ${percent(score)} %).${target.classes.length > 1 ? suspected : ''}`;
}

/** 0–1 as per cent with one decimal. */
export const percent = (fraction: number): number => Math.round(fraction * 1000) / 10;
