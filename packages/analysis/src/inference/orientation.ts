/** Slices brought to the orientation that the model knows, and maps brought back. Pure. */
import type { SliceStack } from '../types.ts';

type Turn = SliceStack['toRadiological'];
type Grid<T> = { readonly data: T; readonly rows: number; readonly columns: number };
type Cells = Int16Array | Float32Array;

/** Stored → radiological: transpose, then reverse. Returns the input itself when nothing is to do. */
export function toRadiological<T extends Cells>(grid: Grid<T>, turn: Turn): Grid<T> {
  const upright = turn.transpose ? transposed(grid) : grid;
  return reversed(upright, turn);
}

/** Radiological → stored: the same, backwards. */
export function toStored<T extends Cells>(grid: Grid<T>, turn: Turn): Grid<T> {
  const unreversed = reversed(grid, turn);
  return turn.transpose ? transposed(unreversed) : unreversed;
}

function transposed<T extends Cells>({ data, rows, columns }: Grid<T>): Grid<T> {
  const out = new (data.constructor as new (length: number) => T)(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column]!;
  return { data: out, rows: columns, columns: rows };
}

function reversed<T extends Cells>({ data, rows, columns }: Grid<T>, { flipRows, flipColumns }: Turn): Grid<T> {
  if (!flipRows && !flipColumns) return { data, rows, columns };
  const out = new (data.constructor as new (length: number) => T)(data.length);
  for (let row = 0; row < rows; row++) {
    const from = (flipRows ? rows - 1 - row : row) * columns;
    for (let column = 0; column < columns; column++)
      out[row * columns + column] = data[from + (flipColumns ? columns - 1 - column : column)]!;
  }
  return { data: out, rows, columns };
}
