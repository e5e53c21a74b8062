/** What the picture of a slice with its heat maps shows, and says in its corners. Pure. */
import { shownMap } from '@ichor/analysis/sliceHeatmaps';
import type { ClassMap, KeySliceImage, SliceStack } from '@ichor/analysis/types';
import { FINDING_CLASSES, type FindingClass, type ModelIdentity } from '@ichor/shared/study';
import type { HeatmapInput } from './heatmapImage.ts';
import { percent } from './measurementReport.ts';

/** Corners are small. */
const SHORT_NAMES: Readonly<Record<FindingClass, string>> = {
  any: 'Any hemorrhage',
  epidural: 'Epidural',
  intraparenchymal: 'Intraparenchymal',
  intraventricular: 'Intraventricular',
  subarachnoid: 'Subarachnoid',
  subdural: 'Subdural',
};

/** The class whose map is drawn first, then by score. */
export function shownFirst(maps: readonly ClassMap[]): readonly [ClassMap, ...ClassMap[]] {
  const shown = shownMap(maps);
  return [shown, ...maps.filter((map) => map !== shown).sort((one, other) => other.probability - one.probability)];
}

/** @param names of the classes, long or short */
export const scored = ({ classIndex, probability }: ClassMap, names: Readonly<Record<FindingClass, string>>): string =>
  `${names[FINDING_CLASSES[classIndex]!]} ${percent(probability)} %`;

/** The map shown is that of the slice's strongest subtype; the other classes are named with their scores. */
export function keySlicePicture(
  { slices }: SliceStack,
  { sliceIndex, hu, maps }: KeySliceImage,
  model: ModelIdentity,
): HeatmapInput {
  const { rows, columns, positionMm } = slices[sliceIndex]!;
  const shown = shownFirst(maps);
  const { map, mapRows, mapColumns } = shown[0];
  const findings = shown.map((one) => scored(one, SHORT_NAMES));
  return {
    hu,
    rows,
    columns,
    map,
    mapRows,
    mapColumns,
    findings: map.some((value) => value > 0)
      ? findings
      : [...findings, 'No region here: neighbouring slices drove the score'],
    place: `Slice ${sliceIndex + 1} of ${slices.length}, z ${positionMm[2].toFixed(1)} mm`,
    model: `${model.name} ${model.version}`,
  };
}
