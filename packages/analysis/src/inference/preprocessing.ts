/** What a manifest says of preprocessing, computed here: the graph of a bundle must make the same of a slice. Pure. */
import type { Manifest } from './bundle.ts';

/**
 * Windows (clipped, 0–1), then bilinear resize with half-pixel centres and no antialias, then normalisation.
 * @param shape of `hu`: [count, rows, columns], or with neighbours [count, slices, rows, columns]
 * @returns [count, channels, resize.rows, resize.columns]; channels are the windows, slice after slice
 */
export function preprocess(
  hu: Int16Array,
  shape: readonly number[],
  { windows, resize, normalisation }: Manifest['preprocessing'],
): Float32Array {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const count = hu.length / (rows * columns);
  const [down, across] = [cellsOf(rows, resize.rows), cellsOf(columns, resize.columns)];
  const out = new Float32Array(count * windows.length * resize.rows * resize.columns);
  let at = 0;
  for (let slice = 0; slice < count; slice++) {
    const values = hu.subarray(slice * rows * columns, (slice + 1) * rows * columns);
    for (const [channel, { centerHu, widthHu }] of windows.entries()) {
      const [mean, deviation] = [normalisation.mean[channel]!, normalisation.standardDeviation[channel]!];
      const windowed = (row: number, column: number): number =>
        Math.min(1, Math.max(0, (values[row * columns + column]! - centerHu + widthHu / 2) / widthHu));
      for (const { low: top, high: bottom, part: downward } of down)
        for (const { low: left, high: right, part: rightward } of across) {
          const upper = mix(windowed(top, left), windowed(top, right), rightward);
          const lower = mix(windowed(bottom, left), windowed(bottom, right), rightward);
          out[at++] = (mix(upper, lower, downward) - mean) / deviation;
        }
    }
  }
  return out;
}

const mix = (one: number, other: number, part: number): number => one + (other - one) * part;

type Cell = { readonly low: number; readonly high: number; readonly part: number };

/** Where each cell of the resized axis lies between two of the old one. */
function cellsOf(from: number, to: number): readonly Cell[] {
  return Array.from({ length: to }, (_, cell) => {
    const place = Math.min(from - 1, Math.max(0, ((cell + 0.5) * from) / to - 0.5));
    const low = Math.floor(place);
    return { low, high: Math.min(low + 1, from - 1), part: place - low };
  });
}
