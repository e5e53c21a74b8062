/** Directions and distances of slices (PS3.3 C.7.6.2.1.1), mm and patient coordinates (LPS). */

export type Vector = readonly [number, number, number];
export type Orientation = readonly [number, number, number, number, number, number];

const UNIT_TOLERANCE = 0.02;

export const rowDirection = (orientation: Orientation): Vector => [orientation[0], orientation[1], orientation[2]];
export const columnDirection = (orientation: Orientation): Vector => [orientation[3], orientation[4], orientation[5]];
export const dot = (one: Vector, other: Vector): number => one[0] * other[0] + one[1] * other[1] + one[2] * other[2];

/** The slice normal that points to the patient's head, or null when the cosines are no two orthogonal unit vectors. */
export function headwardNormal(orientation: Orientation): Vector | null {
  const [row, column] = [rowDirection(orientation), columnDirection(orientation)];
  const isUnit = (vector: Vector): boolean => Math.abs(Math.hypot(...vector) - 1) < UNIT_TOLERANCE;
  if (!isUnit(row) || !isUnit(column) || Math.abs(dot(row, column)) > UNIT_TOLERANCE) return null;
  const normal: Vector = [
    row[1] * column[2] - row[2] * column[1],
    row[2] * column[0] - row[0] * column[2],
    row[0] * column[1] - row[1] * column[0],
  ];
  return normal[2] < 0 ? [-normal[0], -normal[1], -normal[2]] : normal;
}

/** Angle between the slice normal and the patient's long axis, 0 to 90 degrees; null for invalid cosines. */
export function tiltDegreesOf(orientation: Orientation): number | null {
  const normal = headwardNormal(orientation);
  return normal === null ? null : (Math.acos(Math.min(1, Math.abs(normal[2]))) * 180) / Math.PI;
}
