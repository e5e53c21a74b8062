/** Bytes that lie in pieces, read as if they were one: a received instance is never joined only to be looked at. Pure. */

/** Bytes, or the number of bytes that stood there and were not kept. */
export type Piece = Uint8Array | number;

export type ByteSource = {
  readonly length: number;
  /** @param position from 0 to below `length` */
  byte(position: number): number;
  /** Without a copy when they lie in one piece. @returns null when not all of them were kept */
  bytes(start: number, end: number): Uint8Array | null;
};

export function byteSource(pieces: readonly Piece[]): ByteSource {
  const starts: number[] = [];
  let length = 0;
  for (const piece of pieces) {
    starts.push(length);
    length += sizeOf(piece);
  }
  let [current, from, to] = [NOTHING, 0, 0];
  const seek = (position: number): void => {
    const index = lastNotAfter(starts, position);
    const piece = pieces[index] ?? NOTHING;
    if (typeof piece === 'number') throw new Error(`byte ${position} was not kept`);
    [current, from, to] = [piece, starts[index] ?? 0, (starts[index] ?? 0) + piece.length];
  };
  return {
    length,
    byte(position) {
      if (position < from || position >= to) seek(position);
      return current[position - from]!;
    },
    bytes(start, end) {
      if (start >= from && end <= to) return current.subarray(start - from, end - from);
      return joined(pieces, starts, start, end);
    },
  };
}

const NOTHING: Uint8Array = new Uint8Array(0);
const sizeOf = (piece: Piece): number => (typeof piece === 'number' ? piece : piece.length);

/** Index of the last start that is not after the position; starts ascend. */
function lastNotAfter(starts: readonly number[], position: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

function joined(pieces: readonly Piece[], starts: readonly number[], start: number, end: number): Uint8Array | null {
  const parts: Uint8Array[] = [];
  for (let index = lastNotAfter(starts, start); index < pieces.length && starts[index]! < end; index++) {
    const piece = pieces[index]!;
    if (typeof piece === 'number') {
      if (piece > 0) return null;
      continue;
    }
    parts.push(piece.subarray(Math.max(0, start - starts[index]!), end - starts[index]!));
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
