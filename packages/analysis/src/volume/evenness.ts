/** Whether the slices of a stack are even enough for the model (docs/adr/0007). Pure. */
import { type Reason, reason } from '@ichor/shared/reasons';
import type { SliceStack } from '../types.ts';
import { dot, headwardNormal } from './geometry.ts';

/** The widest distance between neighbours over the narrowest, and likewise for thickness. */
const MOST_UNEVEN = 1.5;

/**
 * The sequence model learnt from even series only: where thickness or distance changes on the way up, as in old protocols
 * with thin slices at the skull base, its scores mean nothing.
 */
export function unevenness({ slices }: SliceStack): Reason | null {
  const normal = headwardNormal(slices[0]!.orientation)!;
  const atMm = slices.map((slice) => dot(slice.positionMm, normal));
  const distancesMm = atMm.slice(1).map((upper, index) => upper - atMm[index]!);
  const thicknessesMm = slices.flatMap(({ sliceThicknessMm }) => sliceThicknessMm ?? []);
  for (const [what, valuesMm] of Object.entries({ thickness: thicknessesMm, distance: distancesMm })) {
    const [least, most] = [Math.min(...valuesMm), Math.max(...valuesMm)];
    if (valuesMm.length > 0 && most > MOST_UNEVEN * least)
      return reason('uneven-slices', `${what} from ${least.toFixed(1)} to ${most.toFixed(1)} mm`);
  }
  return null;
}
