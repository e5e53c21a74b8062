/** No pause between attempts is longer. */
export const LONGEST_PAUSE_MS = 900_000;

/** Pause before the next attempt: doubles with each one before it, up to 15 minutes. */
export const pauseMs = (firstMs: number, attempts: number): number =>
  Math.min(LONGEST_PAUSE_MS, firstMs * 2 ** Math.min(20, attempts));
