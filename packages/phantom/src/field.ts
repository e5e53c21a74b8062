/** Square fields of float32, row-major [size, size]: smooth noise and Gaussian blur. */
import type { Random } from '@ichor/shared/random';

/** Value noise of several grid sizes, smoothly interpolated, unit-like variance. @param cells grid sizes, coarse to fine */
export function smoothNoise(
  random: Random,
  size: number,
  cells: readonly number[],
  amplitudes: readonly number[],
): Float32Array {
  const field = new Float32Array(size * size);
  for (const [index, count] of cells.entries()) addNoise(field, random, size, count, amplitudes[index]!);
  return field;
}

function addNoise(field: Float32Array, random: Random, size: number, count: number, amplitude: number): void {
  const width = count + 2;
  const grid = Float32Array.from({ length: width * width }, () => random.normal());
  const ease = (t: number): number => t * t * (3 - 2 * t);
  for (let row = 0; row < size; row++) {
    const y = (row / size) * count;
    const [y0, ty] = [Math.floor(y), ease(y - Math.floor(y))];
    for (let column = 0; column < size; column++) {
      const x = (column / size) * count;
      const [x0, tx] = [Math.floor(x), ease(x - Math.floor(x))];
      const corner = y0 * width + x0;
      const top = grid[corner]! * (1 - tx) + grid[corner + 1]! * tx;
      const bottom = grid[corner + width]! * (1 - tx) + grid[corner + width + 1]! * tx;
      field[row * size + column]! += amplitude * (top * (1 - ty) + bottom * ty);
    }
  }
}

/** Gaussian blur, edges repeated. @param sigma in pixels */
export function blurred(field: Float32Array, size: number, sigma: number): Float32Array {
  if (sigma < 0.3) return field;
  const kernel = gaussian(sigma);
  return convolved(convolved(field, size, kernel, 1, size), size, kernel, size, 1);
}

function gaussian(sigma: number): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, index) =>
    Math.exp(-((index - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

/** One-dimensional convolution along `step`; lines are `line` apart. */
function convolved(field: Float32Array, size: number, kernel: Float32Array, step: number, line: number): Float32Array {
  const out = new Float32Array(field.length);
  const radius = (kernel.length - 1) / 2;
  for (let index = 0; index < size; index++) {
    const start = index * line;
    for (let place = 0; place < size; place++) {
      let sum = 0;
      const inside = place >= radius && place < size - radius;
      for (let tap = -radius; tap <= radius; tap++) {
        const at = inside ? place + tap : Math.min(size - 1, Math.max(0, place + tap));
        sum += field[start + at * step]! * kernel[tap + radius]!;
      }
      out[start + place * step] = sum;
    }
  }
  return out;
}
