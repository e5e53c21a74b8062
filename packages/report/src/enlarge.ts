/**
 * Bicubic enlargement (Catmull-Rom; Keys, IEEE ASSP 29(6), 1981, a = −½), half-pixel centres, edges repeated. Our own, because sharp's
 * lies half a drawn pixel beside the place where it belongs, and because a heat map must stay finer than 8 bits until it is drawn.
 *
 * @param values [rows, columns]
 * @returns [height, width]; may overshoot the range of `values`
 */
export function enlarge(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
  height: number,
  width: number,
): Float32Array {
  const [down, across] = [taps(rows, height), taps(columns, width)];
  const wide = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++)
    for (let x = 0; x < width; x++) wide[row * width + x] = sum(values, row * columns, 1, across, x);
  const result = new Float32Array(height * width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result[y * width + x] = sum(wide, x, width, down, y);
  return result;
}

/** For every drawn pixel its four source pixels and their weights. */
type Taps = { readonly places: Int32Array; readonly weights: Float32Array };

function taps(from: number, to: number): Taps {
  const [places, weights] = [new Int32Array(to * 4), new Float32Array(to * 4)];
  for (let pixel = 0; pixel < to; pixel++) {
    const centre = ((pixel + 0.5) * from) / to - 0.5;
    for (let tap = 0; tap < 4; tap++) {
      const place = Math.floor(centre) - 1 + tap;
      places[pixel * 4 + tap] = Math.min(from - 1, Math.max(0, place));
      weights[pixel * 4 + tap] = catmullRom(Math.abs(centre - place));
    }
  }
  return { places, weights };
}

function catmullRom(distance: number): number {
  if (distance <= 1) return (1.5 * distance - 2.5) * distance ** 2 + 1;
  return distance < 2 ? ((-0.5 * distance + 2.5) * distance - 4) * distance + 2 : 0;
}

function sum(
  values: ArrayLike<number>,
  start: number,
  stride: number,
  { places, weights }: Taps,
  pixel: number,
): number {
  let total = 0;
  for (let tap = pixel * 4; tap < pixel * 4 + 4; tap++) total += values[start + places[tap]! * stride]! * weights[tap]!;
  return total;
}
