/**
 * Bytes of the instances that are being received now, over all associations.
 *
 * Beyond half of the limit only the oldest unfinished instance goes on; the others' sockets are paused until there is room.
 * The oldest one always finishes (or its peer falls silent and the idle timer ends it), so that nobody waits for ever.
 * Only what exceeds the whole limit is refused.
 */
export type MemoryBudget = {
  /** @param onRoom called whenever waiting may be over */
  open(onRoom: () => void): MemoryTicket;
  usedBytes(): number;
};

/** What one instance holds. */
export type MemoryTicket = {
  /** @returns whether the bytes fit into the limit; they count only then */
  take(bytes: number): boolean;
  /** Whether more of this instance may be read now. What is released holds nobody up, and is held up by nobody. */
  mayGoOn(): boolean;
  release(): void;
};

export function makeMemoryBudget(limitBytes: number): MemoryBudget {
  let used = 0;
  const waiters = new Map<MemoryTicket, () => void>();
  return {
    usedBytes: () => used,
    open(onRoom) {
      let [held, isOpen] = [0, true];
      const ticket: MemoryTicket = {
        take(bytes) {
          if (used + bytes > limitBytes) return false;
          used += bytes;
          held += bytes;
          return true;
        },
        mayGoOn: () => !isOpen || used <= limitBytes / 2 || waiters.keys().next().value === ticket,
        release() {
          used -= held;
          [held, isOpen] = [0, false];
          if (waiters.delete(ticket)) for (const wake of [...waiters.values()]) wake();
        },
      };
      waiters.set(ticket, onRoom);
      return ticket;
    },
  };
}
