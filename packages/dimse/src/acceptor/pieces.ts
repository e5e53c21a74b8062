/**
 * Bytes in the order in which they came, in pieces. Large pieces stay as they came: images are not copied. Small ones are
 * copied together, so that a peer that sends single bytes costs little more memory than it sends. Pure but for its own buffers.
 */

export type Pieces = {
  add(bytes: Buffer): void;
  /** The next bytes, removed; fewer when there are no more. */
  take(count: number): Buffer[];
  /** Bytes that were added and not taken. */
  length(): number;
  /** Memory that they keep: whole buffers of which a part is needed, and the objects around them. Rather too much than too little. */
  heldBytes(): number;
  readonly list: readonly Buffer[];
};

/** Below this a piece is copied. */
const SMALL_BYTES = 4_096;
/** Small pieces are copied into blocks that grow with what comes. */
const [FIRST_BLOCK_BYTES, LAST_BLOCK_BYTES] = [1_024, 16_384];
/** A Buffer, its ArrayBuffer and its place in an array (measured: about 200). */
const OBJECT_BYTES = 256;

/** @param list pieces to begin with, as they are */
export function makePieces(list: Buffer[] = []): Pieces {
  let total = list.reduce((sum, { length }) => sum + length, 0);
  /** Null when it must be counted anew. */
  let held: number | null = null;
  let lastKept: ArrayBufferLike | undefined;
  let block = Buffer.alloc(0);
  let filled = 0;

  const countMore = (bytes: number): void => {
    if (held !== null) held += bytes;
  };

  /** What is read together shares a buffer and comes one after the other. */
  function keep(piece: Buffer): void {
    countMore(OBJECT_BYTES + (piece.buffer === lastKept ? 0 : piece.buffer.byteLength));
    lastKept = piece.buffer;
    list.push(piece);
  }

  function openBlock(): void {
    block = Buffer.allocUnsafeSlow(nextBlockBytes(block.length));
    filled = 0;
    countMore(block.length);
  }

  /** Into the open block, as a part of the last piece when that ends there. */
  function copy(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (filled === block.length) openBlock();
      const [from, last] = [filled, list.at(-1)];
      const copied = bytes.copy(block, filled, at);
      filled += copied;
      at += copied;
      if (last?.buffer === block.buffer && last.byteOffset + last.length === from)
        list[list.length - 1] = block.subarray(last.byteOffset, filled);
      else {
        countMore(OBJECT_BYTES);
        list.push(block.subarray(from, filled));
      }
    }
  }

  return {
    list,
    length: () => total,
    heldBytes: () => (held ??= heldBy(list)),
    add(bytes) {
      total += bytes.length;
      if (bytes.length >= SMALL_BYTES) keep(bytes);
      else copy(bytes);
    },
    take(count) {
      const taken: Buffer[] = [];
      let missing = Math.min(count, total);
      total -= missing;
      while (missing > 0) {
        const first = list[0]!;
        if (first.length <= missing) list.shift();
        else list[0] = first.subarray(missing);
        taken.push(first.length <= missing ? first : first.subarray(0, missing));
        missing -= taken.at(-1)!.length;
      }
      held = null;
      return taken;
    },
  };
}

const nextBlockBytes = (lastBytes: number): number =>
  Math.min(LAST_BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, 2 * lastBytes));

function heldBy(list: readonly Buffer[]): number {
  const buffers = new Set(list.map(({ buffer }) => buffer));
  return list.length * OBJECT_BYTES + [...buffers].reduce((bytes, { byteLength }) => bytes + byteLength, 0);
}
