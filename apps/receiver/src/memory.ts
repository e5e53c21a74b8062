/** Bytes of the instances that are being received now, over all associations. */
export type MemoryBudget = {
  /** @returns whether the bytes fit; they count only then */
  take(bytes: number): boolean;
  give(bytes: number): void;
};

export function makeMemoryBudget(limitBytes: number): MemoryBudget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > limitBytes) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
    },
  };
}
