import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lastLayerMaps } from './gradCam.ts';
import { toRadiological, toStored } from './orientation.ts';

const grids = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })).map(([rows, columns]) => ({
  rows,
  columns,
  data: Int16Array.from({ length: rows * columns }, (_, index) => index),
}));
const turns = fc.record({ transpose: fc.boolean(), flipRows: fc.boolean(), flipColumns: fc.boolean() });

test('to the radiological orientation and back is the same grid, for every turn and shape', () => {
  fc.assert(
    fc.property(grids, turns, (grid, turn) => {
      expect(toStored(toRadiological(grid, turn), turn)).toEqual(grid);
      expect(toRadiological(toStored(grid, turn), turn)).toEqual(grid);
    }),
  );
});

test.each([
  [{ transpose: false, flipRows: false, flipColumns: false }, [1, 2, 3, 4, 5, 6], 2],
  [{ transpose: false, flipRows: true, flipColumns: false }, [4, 5, 6, 1, 2, 3], 2],
  [{ transpose: false, flipRows: false, flipColumns: true }, [3, 2, 1, 6, 5, 4], 2],
  [{ transpose: true, flipRows: false, flipColumns: false }, [1, 4, 2, 5, 3, 6], 3],
  [{ transpose: true, flipRows: true, flipColumns: false }, [3, 6, 2, 5, 1, 4], 3],
  [{ transpose: true, flipRows: false, flipColumns: true }, [4, 1, 5, 2, 6, 3], 3],
])('%j', (turn, cells, rows) => {
  const turned = toRadiological({ data: Int16Array.from([1, 2, 3, 4, 5, 6]), rows: 2, columns: 3 }, turn);
  expect({ cells: [...turned.data], rows: turned.rows, columns: turned.columns }).toEqual({
    cells,
    rows,
    columns: 6 / rows,
  });
});

test('nothing is copied where nothing turns', () => {
  const data = new Int16Array(4);
  const turn = { transpose: false, flipRows: false, flipColumns: false };
  expect(toRadiological({ data, rows: 2, columns: 2 }, turn).data).toBe(data);
});

test('a class map is the weighted sum of the activations, its negative part left out', () => {
  const activations = Float32Array.from([1, 2, 3, -1, 1, 0]);
  expect([...lastLayerMaps(Float32Array.from([2, -3]), 2, activations)]).toEqual([5, 1, 6]);
  expect([...lastLayerMaps(Float32Array.from([-1, 0, 1, 1]), 2, activations)]).toEqual([0, 0, 0, 0, 3, 3]);
});
