/**
 * A series as an ordered stack of slices, or the reason why it is none. Pure; Instance Number is never looked at.
 *
 * Gaps: slices of equal thickness have a usual distance, the median over the series; a distance of more than 1.6 of it means
 * that a slice is missing. Where thickness changes (as at the skull base), the larger thickness takes its place. So does the
 * thickness where it is below the median, as when every second slice is missing: what lies between was never seen.
 */
import { type Reason, reason } from '@ichor/shared/reasons';
import type { Slice, SliceStack } from '../types.ts';
import { interleavedBy } from './acquisitions.ts';
import {
  columnDirection,
  dot,
  headwardNormal,
  type Orientation,
  rowDirection,
  tiltDegreesOf,
  type Vector,
} from './geometry.ts';
import type { InstanceHeader } from './readHeaders.ts';
import { GAP_FACTOR, ORIENTATION_TOLERANCE, SPACING_TOLERANCE_MM } from './separateSeries.ts';

/** Slices nearer than this lie at the same position. */
const SAME_POSITION_MM = 0.1;
/** Slices of one stack lie above each other: their origins may move this far within the plane. */
const IN_PLANE_SHIFT_MM = 60;
/** Less of a head says nothing about the rest of it. */
const LEAST_COVERAGE_MM = 90;

/** @param instances of one series, with valid geometry (see selectSeries) */
export function buildStack(
  instances: readonly InstanceHeader[],
): { readonly stack: SliceStack } | { readonly reason: Reason } {
  const slices = instances.flatMap(slicesOf);
  const first = slices[0]!;
  const why = mixed(instances, slices);
  if (why !== null) return { reason: why };
  const normal = headwardNormal(first.orientation)!;
  const placed = slices
    .map((slice) => ({ slice, atMm: dot(slice.positionMm, normal) }))
    .sort((one, other) => one.atMm - other.atMm);
  const misplaced =
    twoAcquisitions(instances, normal) ?? misplacement(placed, normal) ?? contradiction(placed, instances);
  if (misplaced !== null) return { reason: misplaced };
  const { studyInstanceUid, seriesInstanceUid, frameOfReferenceUid } = instances[0]!;
  return {
    stack: {
      studyInstanceUid,
      seriesInstanceUid,
      frameOfReferenceUid,
      slices: placed.map(({ slice }) => slice),
      tiltDegrees: tiltDegreesOf(first.orientation)!,
      toRadiological: toRadiological(first.orientation),
    },
  };
}

function slicesOf(instance: InstanceHeader): Slice[] {
  return instance.frames.map((frame, index) => ({
    reference: instance.reference,
    sopClassUid: instance.sopClassUid,
    sopInstanceUid: instance.sopInstanceUid,
    frameNumber: index + 1,
    frames: instance.frames.length,
    rows: instance.rows!,
    columns: instance.columns!,
    pixelSpacingMm: frame.pixelSpacingMm!,
    sliceThicknessMm: frame.sliceThicknessMm,
    positionMm: frame.positionMm!,
    orientation: frame.orientation!,
  }));
}

function mixed(instances: readonly InstanceHeader[], slices: readonly Slice[]): Reason | null {
  const first = slices[0]!;
  if (new Set(instances.map(({ frameOfReferenceUid }) => frameOfReferenceUid)).size > 1)
    return reason('mixed-frames-of-reference');
  const turned = slices.some(({ orientation }) =>
    orientation.some((cosine, index) => Math.abs(cosine - first.orientation[index]!) > ORIENTATION_TOLERANCE),
  );
  if (turned) return reason('mixed-orientations');
  const other = slices.some(
    (slice) =>
      slice.rows !== first.rows ||
      slice.columns !== first.columns ||
      slice.pixelSpacingMm.some((mm, index) => Math.abs(mm - first.pixelSpacingMm[index]!) > SPACING_TOLERANCE_MM),
  );
  return other ? reason('mixed-matrices') : null;
}

function twoAcquisitions(instances: readonly InstanceHeader[], normal: Vector): Reason | null {
  const marked = instances.flatMap(({ frames, marks }) =>
    frames.map(({ positionMm, acquisitionNumber }) => ({ atMm: dot(positionMm!, normal), acquisitionNumber, marks })),
  );
  const name = interleavedBy(marked);
  return name === null ? null : reason('mixed-acquisitions', `by ${name}`);
}

type Placed = { readonly slice: Slice; readonly atMm: number };

function misplacement(placed: readonly Placed[], normal: Vector): Reason | null {
  const pairs = placed
    .slice(1)
    .map((upper, index) => ({ lower: placed[index]!, upper, distanceMm: upper.atMm - placed[index]!.atMm }));
  const doubled = pairs.find(({ distanceMm }) => distanceMm < SAME_POSITION_MM);
  if (doubled) return reason('duplicate-positions', `at ${doubled.upper.atMm.toFixed(1)} mm`);
  const shifted = pairs.find(
    ({ lower, upper }) => inPlaneShiftMm(lower.slice, upper.slice, normal) > IN_PLANE_SHIFT_MM,
  );
  if (shifted) return reason('missing-geometry', 'neighbouring slices do not lie above each other');
  const gap = pairs.find((pair) => pair.distanceMm > GAP_FACTOR * usualDistanceMm(pair, pairs));
  if (gap)
    return reason(
      'missing-slices',
      `${gap.distanceMm.toFixed(1)} mm between ${gap.lower.atMm.toFixed(1)} and ${gap.upper.atMm.toFixed(1)} mm`,
    );
  // A thickness may be told wrong; what lies between slices is known by their distance.
  const thicknessMm = Math.min(placed[0]!.slice.sliceThicknessMm ?? 0, medianOf(pairs.map((pair) => pair.distanceMm)));
  const coverageMm = placed.at(-1)!.atMm - placed[0]!.atMm + thicknessMm;
  return coverageMm < LEAST_COVERAGE_MM ? reason('incomplete-coverage', `${Math.round(coverageMm)} mm`) : null;
}

type Pair = { readonly lower: Placed; readonly upper: Placed; readonly distanceMm: number };

function usualDistanceMm(pair: Pair, pairs: readonly Pair[]): number {
  const [lowerMm, upperMm] = [pair.lower.slice.sliceThicknessMm ?? 0, pair.upper.slice.sliceThicknessMm ?? 0];
  if (lowerMm !== upperMm) return Math.max(lowerMm, upperMm);
  const alike = pairs.filter(
    ({ lower, upper }) =>
      lower.slice.sliceThicknessMm === pair.lower.slice.sliceThicknessMm &&
      upper.slice.sliceThicknessMm === pair.upper.slice.sliceThicknessMm,
  );
  const medianMm = medianOf(alike.map(({ distanceMm }) => distanceMm));
  return lowerMm > 0 ? Math.min(medianMm, lowerMm) : medianMm;
}

/** The lower one of two. */
const medianOf = (valuesMm: readonly number[]): number =>
  valuesMm.toSorted((one, other) => one - other)[Math.floor((valuesMm.length - 1) / 2)]!;

/**
 * Slice Location decides nothing (its origin is the vendor's), but it runs along the table: where it goes up and down between
 * slices in the order of their positions, one of the two is wrong.
 */
function contradiction(placed: readonly Placed[], instances: readonly InstanceHeader[]): Reason | null {
  const locations = new Map(instances.map((one) => [one.sopInstanceUid, one.sliceLocationMm]));
  const inOrder = placed.flatMap(({ slice }) =>
    slice.frames === 1 ? (locations.get(slice.sopInstanceUid) ?? []) : [],
  );
  const steps = inOrder.slice(1).map((mm, index) => mm - inOrder[index]!);
  const [up, down] = [steps.some((mm) => mm > SAME_POSITION_MM), steps.some((mm) => mm < -SAME_POSITION_MM)];
  return up && down ? reason('missing-geometry', 'Slice Location and Image Position contradict each other') : null;
}

/** How far two origins are apart beside the normal; a tilted gantry shifts them a little from slice to slice. */
function inPlaneShiftMm(lower: Slice, upper: Slice, normal: Vector): number {
  const step: Vector = [
    upper.positionMm[0] - lower.positionMm[0],
    upper.positionMm[1] - lower.positionMm[1],
    upper.positionMm[2] - lower.positionMm[2],
  ];
  const along = dot(step, normal);
  return Math.hypot(step[0] - along * normal[0], step[1] - along * normal[1], step[2] - along * normal[2]);
}

/** Transpose first, then reverse rows and columns, so that image right is the patient's left and image down is posterior. */
function toRadiological(orientation: Orientation): SliceStack['toRadiological'] {
  const row = rowDirection(orientation);
  const transpose = Math.abs(row[1]) > Math.abs(row[0]);
  const [across, down] = transpose ? [columnDirection(orientation), row] : [row, columnDirection(orientation)];
  return { transpose, flipColumns: across[0] < 0, flipRows: down[1] < 0 };
}
