/**
 * Memory of everything that is being received now, over all connections.
 *
 * Beyond half of the limit only the oldest unfinished instance goes on; the others' sockets are paused until there is room. The
 * oldest one may always take up to half of the limit, so that it finishes; or it is too slow and its association is aborted
 * (see progress.ts), so that nobody waits for ever. Only what exceeds the whole limit is refused.
 */
export type MemoryBudget = {
  /** @param onRoom called whenever waiting may be over */
  open(onRoom: () => void): MemoryTicket;
  /** What a connection holds beside its instance: bytes that came and are not handled yet. */
  openBuffer(): MemoryBuffer;
  /** Whether an instance waits because others hold the memory. */
  isShort(): boolean;
  usedBytes(): number;
};

/** What one instance holds. */
export type MemoryTicket = {
  /** @returns whether the bytes fit into the limit; they count only then */
  take(bytes: number): boolean;
  /** Whether more of this instance may be read now. What is released holds nobody up, and is held up by nobody. */
  mayGoOn(): boolean;
  heldBytes(): number;
  release(): void;
};

/** Bounded by the protocol, so it is counted and never refused to who has an association. */
export type MemoryBuffer = {
  /** @returns whether all that is held fits into the limit */
  set(bytes: number): boolean;
};

export function makeMemoryBudget(limitBytes: number): MemoryBudget {
  let used = 0;
  const open = new Map<MemoryTicket, () => void>();
  const waiting = new Set<MemoryTicket>();
  const isOldest = (ticket: MemoryTicket): boolean => open.keys().next().value === ticket;

  function openTicket(onRoom: () => void): MemoryTicket {
    let held = 0;
    const ticket: MemoryTicket = {
      take(bytes) {
        const fits = used + bytes <= limitBytes || (isOldest(ticket) && held + bytes <= limitBytes / 2);
        if (fits) [used, held] = [used + bytes, held + bytes];
        return fits;
      },
      mayGoOn() {
        const may = !open.has(ticket) || used <= limitBytes / 2 || isOldest(ticket);
        if (may) waiting.delete(ticket);
        else waiting.add(ticket);
        return may;
      },
      heldBytes: () => held,
      release() {
        [used, held] = [used - held, 0];
        waiting.delete(ticket);
        if (open.delete(ticket)) for (const wake of [...open.values()]) wake();
      },
    };
    open.set(ticket, onRoom);
    return ticket;
  }

  return {
    open: openTicket,
    openBuffer() {
      let held = 0;
      return {
        set(bytes) {
          [used, held] = [used + bytes - held, bytes];
          return used <= limitBytes;
        },
      };
    },
    isShort: () => waiting.size > 0,
    usedBytes: () => used,
  };
}
