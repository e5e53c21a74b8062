/** How long to wait before the next attempt, of whatever kind. Pure. */

/** No pause of a delivery, a notification or a commitment is longer. */
export const LONGEST_PAUSE_MS = 900_000;

/** Doubles with each attempt before this one, up to `longestMs`. @param attempts before this one; -1 halves the first pause */
export const backOffMs = (firstMs: number, attempts: number, longestMs = LONGEST_PAUSE_MS): number =>
  Math.min(longestMs, firstMs * 2 ** Math.min(20, attempts));
