/** Slices that show nothing although their neighbours do: a bleed there would be missed in silence. Pure. */

/** Above air, below which nothing of a patient lies. */
const AIR_HU = -300;
/** The smallest slice of a head, at the vertex, covers twice as much of a wide field of view. */
const LEAST_SHARE = 0.005;

/** One value everywhere, or next to nothing but air. @param hu any order */
export function isBlank(hu: Int16Array): boolean {
  const first = hu[0];
  let [denserThanAir, differing] = [0, 0];
  for (const value of hu) {
    if (value > AIR_HU) denserThanAir++;
    if (value !== first) differing++;
  }
  return differing === 0 || denserThanAir < LEAST_SHARE * hu.length;
}

/** Index of the first blank slice that lies between slices that are not; blank slices at the ends are air above or below the head. */
export function blankBetween(blank: readonly boolean[]): number | null {
  const index = blank.indexOf(true, blank.indexOf(false));
  return index > 0 && index < blank.lastIndexOf(false) && blank.includes(false) ? index : null;
}
