/** What the picture of a slice with its heat maps shows, and says in its corners. Pure. */
import { shownMap } from '@ichor/analysis/sliceHeatmaps';
import type { ClassMap, KeySliceImage, SliceStack } from '@ichor/analysis/types';
import type { ModelIdentity } from '@ichor/shared/study';
import { type Target, targetOf } from '@ichor/shared/target';
import type { HeatmapInput } from './heatmapImage.ts';
import { percent } from './measurementReport.ts';

/** The class whose map is drawn first, then by score. */
export function shownFirst(maps: readonly ClassMap[], target: Target): readonly [ClassMap, ...ClassMap[]] {
  const shown = shownMap(maps, target);
  return [shown, ...maps.filter((map) => map !== shown).sort((one, other) => other.probability - one.probability)];
}

/** @param name of the class, long or, in a corner, short */
export const scored = ({ classIndex, probability }: ClassMap, { classes }: Target, name: 'meaning' | 'short'): string =>
  `${classes[classIndex]![name]} ${percent(probability)} %`;

/** The map shown is that of the slice's strongest kind; the other classes are named with their scores. */
export function keySlicePicture(
  { slices }: SliceStack,
  { sliceIndex, hu, maps }: KeySliceImage,
  model: ModelIdentity,
): HeatmapInput {
  const { rows, columns, positionMm } = slices[sliceIndex]!;
  const target = targetOf(model);
  const shown = shownFirst(maps, target);
  const { map, mapRows, mapColumns, of } = shown[0];
  const findings = shown.map((one) => scored(one, target, 'short'));
  return {
    hu,
    rows,
    columns,
    map,
    mapRows,
    mapColumns,
    findings: map.some((value) => value > 0)
      ? findings
      : [...findings, of === 'cnn' ? 'No region here' : 'No region here: neighbouring slices drove the score'],
    place: `Slice ${sliceIndex + 1} of ${slices.length}, z ${positionMm[2].toFixed(1)} mm`,
    model: `${model.name} ${model.version}`,
  };
}
