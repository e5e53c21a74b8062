/**
 * How fast one instance comes. Pure: times and positions are given.
 *
 * The rate is measured over windows of reading time: while we do not read, because memory or the disk is behind, the peer cannot
 * be slow. A window lasts `idleTimeoutMs`; while others wait for memory a twelfth of that decides (5 s of 60 s), and then an
 * instance must also bring what it holds within `idleTimeoutMs`: who holds much must be fast.
 */
export type ProgressRule = { readonly minBytesPerSecond: number; readonly idleTimeoutMs: number };

export type Progress = {
  /**
   * Time passed until `nowMs`.
   * @param position bytes of the dataset that came until now. @param isReading whether the socket is read from here on
   */
  tick(nowMs: number, position: number, isReading: boolean): void;
  /** @param heldBytes memory of the instance. @param isShort whether others wait for memory */
  isTooSlow(heldBytes: number, isShort: boolean): boolean;
};

const SHORT_WINDOWS = 12;

export const shortWindowMs = (idleTimeoutMs: number): number => idleTimeoutMs / SHORT_WINDOWS;

export function makeProgress({ minBytesPerSecond, idleTimeoutMs }: ProgressRule, nowMs: number): Progress {
  const [long, short] = [makeWindow(idleTimeoutMs), makeWindow(shortWindowMs(idleTimeoutMs))];
  let [lastMs, wasReading] = [nowMs, true];
  return {
    tick(atMs, position, isReading) {
      if (wasReading) for (const window of [long, short]) window.pass(atMs - lastMs, position);
      [lastMs, wasReading] = [atMs, isReading];
    },
    isTooSlow(heldBytes, isShort) {
      const neededWhenShort = Math.max(minBytesPerSecond, (heldBytes * 1000) / idleTimeoutMs);
      return long.rate() < minBytesPerSecond || (isShort && short.rate() < neededWhenShort);
    },
  };
}

/** Bytes per second of the last whole window; endless until one has passed. */
function makeWindow(lengthMs: number) {
  let [begin, ms, rate] = [0, 0, Number.POSITIVE_INFINITY];
  return {
    pass(moreMs: number, position: number): void {
      ms += moreMs;
      if (ms < lengthMs) return;
      rate = ((position - begin) * 1000) / ms;
      [begin, ms] = [position, 0];
    },
    rate: (): number => rate,
  };
}
