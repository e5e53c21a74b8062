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
};

/** What one instance holds. */
export type MemoryTicket = {
  /** @returns whether the bytes fit into the limit; they count only then */
  take(bytes: number): boolean;
  /** Whether more of this instance may be read now. */
  mayGoOn(): boolean;
  release(): void;
};

export function makeMemoryBudget(limitBytes: number): MemoryBudget {
  let used = 0;
  const waiters = new Map<MemoryTicket, () => void>();
  return {
    open(onRoom) {
      let held = 0;
      const ticket: MemoryTicket = {
        take(bytes) {
          if (used + bytes > limitBytes) return false;
          used += bytes;
          held += bytes;
          return true;
        },
        mayGoOn: () => used <= limitBytes / 2 || waiters.keys().next().value === ticket,
        release() {
          used -= held;
          held = 0;
          if (waiters.delete(ticket)) for (const wake of [...waiters.values()]) wake();
        },
      };
      waiters.set(ticket, onRoom);
      return ticket;
    },
  };
}
