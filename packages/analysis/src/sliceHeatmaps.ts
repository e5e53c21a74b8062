/** The heat maps of the key slices as the result keeps them. */

import type { SliceHeatmap } from '@ichor/shared/study';
import type { Target } from '@ichor/shared/target';
import type { ClassMap, KeySliceImage, SliceStack } from './types.ts';

/** One for each key slice: the map that its secondary capture shows. */
export const sliceHeatmaps = (
  { slices }: SliceStack,
  images: readonly KeySliceImage[],
  target: Target,
): SliceHeatmap[] =>
  images.map(({ sliceIndex, maps }) => {
    const { sopInstanceUid, frameNumber, frames, rows, columns } = slices[sliceIndex]!;
    const { classIndex, probability, map, mapRows, mapColumns, of } = shownMap(maps, target);
    return {
      sopInstanceUid,
      ...(frames > 1 && { frameNumber }),
      finding: target.classes[classIndex]!.name,
      score: probability,
      rows,
      columns,
      mapRows,
      mapColumns,
      ...(of === 'cnn' && { of }),
      map: Buffer.from(map.buffer, map.byteOffset, map.byteLength).toString('base64'),
    };
  });

/** [mapRows, mapColumns], exactly as the model gave it. */
export const mapOf = ({ map }: Pick<SliceHeatmap, 'map'>): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(map, 'base64')).buffer);

/** Of a slice's maps the one that is drawn: that of the strongest kind; of the class that decides where no kind is present. */
export function shownMap(maps: readonly ClassMap[], { classes, decides }: Target): ClassMap {
  const kinds = maps.filter(({ classIndex }) => classes[classIndex]!.name !== decides);
  return [...(kinds.length > 0 ? kinds : maps)].sort((one, other) => other.probability - one.probability)[0]!;
}
