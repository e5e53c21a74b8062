/**
 * Which series of a study is analysed, and why each other one is not. Pure.
 *
 * Wanted: non-contrast axial head CT, original slices, soft-tissue kernel, 2.5 to 5 mm. What the header leaves open is decided
 * against the analysis where a wrong guess could give a silent negative: a series that nowhere says which body part it shows
 * is set aside. An unknown kernel is accepted, but a known soft one is preferred.
 */

import { CT_IMAGES } from '@ichor/dicom/sopClasses';
import { transferSyntax } from '@ichor/dicom/transferSyntaxes';
import type { Reason, ReasonCode } from '@ichor/shared/reasons';
import { reason } from '@ichor/shared/reasons';
import type { SeriesSelection } from '@ichor/shared/study';
import { type Accepted, NOTHING_ACCEPTED } from '../accepted.ts';
import {
  ANGIOGRAPHY_OR_PERFUSION,
  CONTRAST,
  HEAD,
  HOUNSFIELD,
  kernelKind,
  LOCALIZER,
  NO_AGENT,
  namesContrast,
  OTHER_BODY_PART,
  WITHOUT_CONTRAST,
} from './headerTerms.ts';
import { plane } from './plane.ts';
import type { InstanceHeader } from './readHeaders.ts';
import { separateSeries } from './separateSeries.ts';
import { hasType, isDerived, ownText, seriesText, upper } from './seriesText.ts';

export const LEAST_SLICES = 12;
export const MOST_SLICES = 1_200;
export type Selection = {
  /** Instances of the chosen series, or null. */
  readonly selected: readonly InstanceHeader[] | null;
  readonly selections: readonly SeriesSelection[];
  /** Why nothing was chosen: the reason of the series that came closest. */
  readonly reason: Reason | null;
};

/** @param accepted what does not count against a series; production has none */
export function selectSeries(headers: readonly InstanceHeader[], accepted: Accepted = NOTHING_ACCEPTED): Selection {
  const judged = groupBySeries(headers).map((all) => {
    const { slices: instances, leftOut } = separateSeries(all);
    return { instances, all, leftOut, verdict: judge(instances, accepted) };
  });
  const eligible = judged
    .filter(({ verdict }) => verdict === null)
    .sort((one, other) => preference(one.instances, other.instances));
  const selected = eligible[0]?.instances ?? null;
  const selections = judged.map(({ instances, all, leftOut, verdict }) => ({
    seriesInstanceUid: all[0]!.seriesInstanceUid,
    description: all[0]!.seriesDescription,
    instances: all.length,
    reason: verdict?.reason ?? (instances === selected ? null : reason('less-suited')),
    ...(leftOut.length > 0 && { leftOut }),
  }));
  const closest = judged.flatMap(({ verdict }) => verdict ?? []).sort((one, other) => other.step - one.step)[0];
  return { selected, selections, reason: selected !== null ? null : (closest?.reason ?? reason('no-head-ct')) };
}

function groupBySeries(headers: readonly InstanceHeader[]): InstanceHeader[][] {
  const groups = new Map<string, InstanceHeader[]>();
  for (const header of headers)
    groups.set(header.seriesInstanceUid, [...(groups.get(header.seriesInstanceUid) ?? []), header]);
  return [...groups].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, instances]) => instances);
}

type Verdict = { readonly reason: Reason; readonly step: number } | null;
/** @returns a reason, with a detail where it helps, or null when the series passes this step */
type Step = (instances: readonly InstanceHeader[], accepted: Accepted) => ReasonCode | Reason | null;

/** In this order: the further a series comes, the closer it was to being analysed. */
const STEPS: readonly Step[] = [
  notCt,
  (all) => (all.some(isLocalizer) ? 'localizer' : null),
  bodyPart,
  (all) =>
    all.some(
      (one) =>
        ANGIOGRAPHY_OR_PERFUSION.test(ownText(one)) ||
        one.imageType.some((type) => ANGIOGRAPHY_OR_PERFUSION.test(upper(type))),
    )
      ? 'angiography-or-perfusion'
      : null,
  (all) => (all.some(hasContrast) ? 'contrast' : null),
  (all, accepted) => (all.some(isDerived) && !accepted.has('derived') ? 'derived' : null),
  plane,
  (all) => (all.some((one) => kernelKind(one.convolutionKernels, seriesText(one)) === 'bone') ? 'bone-kernel' : null),
  (all) => (countSlices(all) < LEAST_SLICES ? reason('too-few-slices', `${countSlices(all)} slices`) : null),
  (all) =>
    countSlices(all) > MOST_SLICES
      ? reason('too-many-slices', `${countSlices(all)} slices, at most ${MOST_SLICES}`)
      : null,
  pixels,
];

function judge(instances: readonly InstanceHeader[], accepted: Accepted): Verdict {
  for (const [step, check] of STEPS.entries()) {
    const found = check(instances, accepted);
    const why = typeof found === 'string' ? reason(found) : found;
    if (why !== null) return { step, reason: why };
  }
  return null;
}

function notCt(instances: readonly InstanceHeader[]): Reason | null {
  const other = instances.find((one) => one.modality !== 'CT' || !CT_IMAGES.has(one.sopClassUid));
  if (other === undefined) return null;
  return reason('not-ct', `Modality ${other.modality ?? 'absent'}, SOP Class ${other.sopClassUid}`);
}

/** A protocol is often that of the whole examination, scout included: it is asked only where there is no description. */
const isLocalizer = (one: InstanceHeader): boolean =>
  hasType(one, 'LOCALIZER') || LOCALIZER.test(upper(one.seriesDescription ?? one.protocolName ?? ''));

function bodyPart(instances: readonly InstanceHeader[], accepted: Accepted): Reason | null {
  for (const one of instances) {
    const part = upper(one.bodyPartExamined ?? '');
    const described = `${upper(one.seriesDescription ?? '')} ${upper(one.protocolName ?? '')} ${upper(one.studyDescription ?? '')}`;
    const series = upper(one.seriesDescription ?? '');
    if (OTHER_BODY_PART.test(series) && !HEAD.test(series)) return reason('not-head', 'by its description');
    if (HEAD.test(part)) continue;
    if (part !== '') return reason('not-head', `Body Part Examined is ${part}`);
    if (HEAD.test(described)) continue;
    if (OTHER_BODY_PART.test(described)) return reason('not-head', 'by its description');
    if (!accepted.has('missing-body-part')) return reason('not-head', 'the header names no body part');
  }
  return null;
}

function hasContrast(one: InstanceHeader): boolean {
  const agent = upper(one.contrastAgent ?? '');
  if (agent !== '' && !NO_AGENT.test(agent)) return true;
  const [description, protocol] = [upper(one.seriesDescription ?? ''), upper(one.protocolName ?? '')];
  if (namesContrast(description) || WITHOUT_CONTRAST.test(description)) return namesContrast(description);
  return CONTRAST.test(protocol) && !WITHOUT_CONTRAST.test(protocol);
}

function pixels(instances: readonly InstanceHeader[]): ReasonCode | Reason | null {
  for (const one of instances) {
    if (!one.hasPixelData) return 'missing-pixel-data';
    if (transferSyntax(one.transferSyntaxUid) === null)
      return reason('unsupported-transfer-syntax', one.transferSyntaxUid);
    if (one.samplesPerPixel !== 1 || !/^MONOCHROME[12]$/.test(one.photometricInterpretation ?? ''))
      return reason('unsupported-photometric', one.photometricInterpretation ?? 'absent');
    const otherUnit = one.rescaleTypes.find((type) => !HOUNSFIELD.test(upper(type)));
    if (otherUnit !== undefined) return reason('unsupported-pixel-format', `Rescale Type is ${otherUnit}`);
    if (!one.rows || !one.columns) return reason('truncated-pixel-data', 'Rows or Columns is missing or zero');
  }
  return unlikeHeaders(instances);
}

/** One wrong slice among right ones would be dark or bright by itself, and its bleed unseen. */
function unlikeHeaders(instances: readonly InstanceHeader[]): Reason | null {
  const rescales = [...new Set(instances.flatMap((one) => one.rescales))];
  if (rescales.length > 1)
    return reason('unsupported-pixel-format', `Rescale Slope and Intercept change: ${rescales.slice(0, 3).join(', ')}`);
  const photometric = new Set(instances.map((one) => one.photometricInterpretation));
  return photometric.size > 1
    ? reason('unsupported-pixel-format', `${[...photometric].join(' and ')} in one series`)
    : null;
}

/** Soft kernel first, then thickness nearest to 2.5–5 mm, then more slices; the UID settles ties. */
function preference(one: readonly InstanceHeader[], other: readonly InstanceHeader[]): number {
  const rank = (instances: readonly InstanceHeader[]): number[] => [
    kernelKind(instances[0]!.convolutionKernels, seriesText(instances[0]!)) === 'soft' ? 0 : 1,
    thicknessPenaltyMm(instances[0]!.frames[0]?.sliceThicknessMm ?? null),
    -countSlices(instances),
  ];
  const [mine, theirs] = [rank(one), rank(other)];
  const decisive = mine.findIndex((value, index) => value !== theirs[index]);
  return decisive === -1
    ? one[0]!.seriesInstanceUid < other[0]!.seriesInstanceUid
      ? -1
      : 1
    : mine[decisive]! - theirs[decisive]!;
}

const thicknessPenaltyMm = (mm: number | null): number =>
  mm === null ? 10 : mm < 2.5 ? 2.5 - mm : Math.max(0, mm - 5);
const countSlices = (instances: readonly InstanceHeader[]): number =>
  instances.reduce((count, { frames }) => count + frames.length, 0);
