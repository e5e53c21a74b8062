/** Slices that show nothing although their neighbours do: a bleed there would be missed in silence. Pure. */

/** Above air, below which nothing of a patient lies. */
const AIR_HU = -300;
/** The smallest slice of a head, at the vertex, covers twice as much of a wide field of view. */
const LEAST_SHARE = 0.005;

/** One value everywhere, or next to nothing but air. @param hu any order */
export function isBlank(hu: Int16Array): boolean {
  const least = LEAST_SHARE * hu.length;
  let denserThanAir = 0;
  let differing = false;
  for (let index = 0; index < hu.length; index++) {
    if (hu[index]! > AIR_HU) denserThanAir++;
    if (hu[index] !== hu[0]) differing = true;
    if (differing && denserThanAir >= least) return false;
  }
  return true;
}

/** Index of the first blank slice that lies between slices that are not; blank slices at the ends are air above or below the head. */
export function blankBetween(blank: readonly boolean[]): number | null {
  const index = blank.indexOf(true, blank.indexOf(false));
  return index > 0 && index < blank.lastIndexOf(false) && blank.includes(false) ? index : null;
}
