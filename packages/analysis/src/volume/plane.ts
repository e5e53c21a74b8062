/** Whether the slices of a series are axial, by a geometry that can be that of a head. Pure. */
import { type Reason, type ReasonCode, reason } from '@ichor/shared/reasons';
import { tiltDegreesOf } from './geometry.ts';
import { REFORMAT } from './headerTerms.ts';
import type { InstanceHeader } from './readHeaders.ts';
import { MOST_TILT_DEGREES } from './separateSeries.ts';
import { upper } from './seriesText.ts';

/** @returns why not, `not-axial` or `missing-geometry`; null when they are */
export function plane(instances: readonly InstanceHeader[]): ReasonCode | Reason | null {
  for (const one of instances) {
    if ((one.numberOfFrames ?? one.frames.length) !== one.frames.length)
      return reason('missing-geometry', `${one.numberOfFrames} frames, places of ${one.frames.length}`);
    for (const { positionMm, orientation, pixelSpacingMm } of one.frames) {
      if (positionMm === null || orientation === null || pixelSpacingMm === null) return 'missing-geometry';
      const odd = oddSpacing(pixelSpacingMm, one);
      if (odd !== null) return reason('missing-geometry', odd);
      const tilt = tiltDegreesOf(orientation);
      if (tilt === null) return 'missing-geometry';
      if (tilt > MOST_TILT_DEGREES) return reason('not-axial', `${Math.round(tilt)}° against the axial plane`);
    }
    if (REFORMAT.test(upper(one.seriesDescription ?? one.protocolName ?? ''))) return 'not-axial';
  }
  return null;
}

/** What no head was ever scanned with, mm. */
const MOST_SPACING_MM = 5;
const LEAST_FIELD_MM = 120;
const MOST_ANISOTROPY = 2;

/** @param spacingMm Pixel Spacing. @returns what is wrong with it; null when it may be that of a head */
function oddSpacing(spacingMm: readonly [number, number], { rows, columns }: InstanceHeader): string | null {
  const description = `Pixel Spacing is ${spacingMm.join(' × ')} mm`;
  const [least, most] = [Math.min(...spacingMm), Math.max(...spacingMm)];
  if (least <= 0 || most > MOST_SPACING_MM || most > MOST_ANISOTROPY * least) return description;
  if (!rows || !columns) return null;
  const fieldMm = [rows * spacingMm[0], columns * spacingMm[1]];
  return fieldMm.some((mm) => mm < LEAST_FIELD_MM)
    ? `${description}, which makes a field of view of ${fieldMm.map(Math.round).join(' × ')} mm`
    : null;
}
