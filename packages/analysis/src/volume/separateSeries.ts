/**
 * The slices of a series, apart from what else lies in it. Pure.
 *
 * One foreign instance must not lose a head: a scout, a screen capture, a dose page, a slice of another matrix. But what could be
 * a slice of the stack is never left out in silence: what has an axial place is left out only where it lies within the range of the
 * slices that stay, for then a gap would show that it is missing. What may not be left out stays, and the checks that follow say why
 * the series is not analysed.
 */
import { CT_IMAGES } from '@ichor/dicom/sopClasses';
import type { LeftOut } from '@ichor/shared/study';
import { dot, headwardNormal, tiltDegreesOf, type Vector } from './geometry.ts';
import { kernelKind } from './headerTerms.ts';
import type { FrameGeometry, InstanceHeader } from './readHeaders.ts';
import { hasType, isDerived, seriesText } from './seriesText.ts';

/** Head CT is tilted up to about 25° against the patient's axis; more is another plane. */
export const MOST_TILT_DEGREES = 35;
/** From here on a plane is coronal or sagittal, as that of a scout: no slice whose directions were told a little wrong. */
const ACROSS_DEGREES = 80;
/** More slices of another kind than one in so many are another acquisition, and which of them to read is not known. */
const ONE_IN = 10;
/** A slice that is left out may lie this far beyond the last that stays, as a share of the usual distance. */
const BEYOND = 0.75;
/** Neighbours farther apart than so many usual distances have lost a slice between them. */
export const GAP_FACTOR = 1.6;
/** Pixel spacing of one stack may differ by rounding, and so may direction cosines. */
export const SPACING_TOLERANCE_MM = 1e-3;
export const ORIENTATION_TOLERANCE = 1e-3;

export type Separated = {
  /** What is judged, and analysed if nothing speaks against it. */
  readonly slices: readonly InstanceHeader[];
  readonly leftOut: readonly LeftOut[];
};

export function separateSeries(instances: readonly InstanceHeader[]): Separated {
  const main = mainGroup(instances);
  if (main === undefined) return { slices: instances, leftOut: [] };
  const members = new Set(main);
  const rest = instances.filter((one) => !members.has(one));
  const others = rest.filter((one) => whyForeign(one) === null).length;
  const place = placesIn(main);
  const left = rest.filter((one) => {
    if (!couldBeSlice(one, main[0]!)) return true;
    return isSpare(one, place) && (whyForeign(one) !== null || others * ONE_IN <= main.length);
  });
  const why = (one: InstanceHeader): string => whyForeign(one) ?? whyUnlike(one, main[0]!)!;
  return {
    slices: instances.filter((one) => !left.includes(one)),
    leftOut: [...Map.groupBy(left, why)].map(([reason, own]) => ({ instances: own.length, why: reason })),
  };
}

/** The most instances that make up one stack; where none could be analysed (all of them derived …), the most CT images. */
function mainGroup(instances: readonly InstanceHeader[]): InstanceHeader[] | undefined {
  const slices = instances.filter((one) => whyForeign(one) === null);
  const images = instances.filter((one) => CT_IMAGES.has(one.sopClassUid) && !hasType(one, 'LOCALIZER'));
  return alikeGroups(slices.length > 0 ? slices : images).toSorted((one, other) => other.length - one.length)[0];
}

/** Why an instance is no slice that could be analysed, whatever else is in the series; null when it could. */
function whyForeign(one: InstanceHeader): string | null {
  if (!CT_IMAGES.has(one.sopClassUid) || one.modality !== 'CT') return 'no CT image';
  if (hasType(one, 'LOCALIZER')) return 'a localizer (scout)';
  if (isDerived(one)) return 'derived or secondary (reformat, screen capture)';
  if (one.samplesPerPixel !== 1 && !one.frames.some(isAxial)) return 'a colour picture';
  if (one.frames.every((frame) => isComplete(frame) && !isAxial(frame))) return 'not axial';
  return kernelKind(one.convolutionKernels, seriesText(one)) === 'bone' ? 'of a bone kernel' : null;
}

/** Whether leaving an instance out might lose a slice: it has a place among axial slices, or hides where it lies. */
function couldBeSlice(one: InstanceHeader, slice: InstanceHeader): boolean {
  const sameMatrix = one.rows === slice.rows && one.columns === slice.columns;
  if (hasType(one, 'LOCALIZER')) return sameMatrix && one.frames.some(isAxial);
  if (one.frames.some(isAxial)) return true;
  if (whyForeign(one) !== 'not axial') return whyForeign(one) === null;
  return sameMatrix && one.frames.some(({ orientation }) => (tiltDegreesOf(orientation!) ?? 0) < ACROSS_DEGREES);
}

const isComplete = ({ positionMm, orientation }: FrameGeometry): boolean =>
  positionMm !== null && orientation !== null && tiltDegreesOf(orientation) !== null;
const isAxial = (frame: FrameGeometry): boolean =>
  isComplete(frame) && tiltDegreesOf(frame.orientation!)! <= MOST_TILT_DEGREES;

/** Instances that share frame of reference, orientation, matrix and spacing. */
function alikeGroups(instances: readonly InstanceHeader[]): InstanceHeader[][] {
  const groups: InstanceHeader[][] = [];
  for (const one of instances) {
    const own = groups.find((group) => whyUnlike(one, group[0]!) === null);
    if (own === undefined) groups.push([one]);
    else own.push(one);
  }
  return groups;
}

function whyUnlike(one: InstanceHeader, other: InstanceHeader): string | null {
  const [mine, theirs] = [one.frames[0], other.frames[0]];
  if (one.frameOfReferenceUid !== other.frameOfReferenceUid) return 'of another frame of reference';
  if (!near(mine?.orientation, theirs?.orientation, ORIENTATION_TOLERANCE)) return 'of another orientation';
  const sameMatrix = one.rows === other.rows && one.columns === other.columns;
  return sameMatrix && near(mine?.pixelSpacingMm, theirs?.pixelSpacingMm, SPACING_TOLERANCE_MM)
    ? null
    : 'of another matrix or pixel spacing';
}

type Numbers = readonly number[] | null | undefined;
const near = (one: Numbers, other: Numbers, tolerance: number): boolean =>
  !one || !other ? !one && !other : one.every((value, index) => Math.abs(value - other[index]!) <= tolerance);

/** Places along the normal of the slices that stay, ascending, mm; null when they have none. */
type Places = { readonly normal: Vector; readonly atMm: readonly number[]; readonly usualMm: number } | null;

function placesIn(slices: readonly InstanceHeader[]): Places {
  const orientation = slices[0]!.frames[0]?.orientation;
  const normal = orientation ? headwardNormal(orientation) : null;
  if (normal === null) return null;
  const atMm = placesOf(slices, normal).sort((one, other) => one - other);
  const steps = atMm.slice(1).map((mm, index) => mm - atMm[index]!);
  return { normal, atMm, usualMm: steps.sort((one, other) => one - other)[Math.floor((steps.length - 1) / 2)] ?? 0 };
}

const placesOf = (instances: readonly InstanceHeader[], normal: Vector): number[] =>
  instances.flatMap(({ frames }) => frames.flatMap(({ positionMm }) => (positionMm ? [dot(positionMm, normal)] : [])));

/** Whether an instance lies where the slices that stay have no gap without it; one whose geometry is incomplete lies nowhere. */
function isSpare(one: InstanceHeader, places: Places): boolean {
  if (places === null || !one.frames.every(isComplete)) return false;
  const { normal, atMm, usualMm } = places;
  const [ownMm, beyondMm] = [placesOf([one], normal), BEYOND * usualMm];
  return ownMm.every(isCovered);
  function isCovered(mm: number): boolean {
    const [below, above] = [atMm.findLast((other) => other <= mm), atMm.find((other) => other >= mm)];
    if (below === undefined || above === undefined) return Math.abs(mm - (below ?? above!)) <= beyondMm;
    return above - below <= GAP_FACTOR * usualMm;
  }
}
