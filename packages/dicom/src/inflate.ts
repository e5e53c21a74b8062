/**
 * Deflated datasets (PS3.5 §A.5). A few bytes can stand for gigabytes, so a received one is inflated as a stream, outside the
 * event loop, and only what is looked at is kept: values of more than a piece, Pixel Data above all, are counted and let go.
 */

import { Readable } from 'node:stream';
import { constants, createInflateRaw, inflateRawSync } from 'node:zlib';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { type ByteSource, byteSource, type Piece } from './byteSource.ts';
import { EXPLICIT_LITTLE_ENDIAN } from './elementHeader.ts';
import { scanElements } from './elements.ts';
import { TRANSFER_SYNTAX } from './transferSyntaxes.ts';

export const DEFLATED = TRANSFER_SYNTAX.deflatedExplicitLittleEndian;

/** Called with every piece; an {@link IchorError} that it throws ends the inflating. */
export type InflateWatch = {
  /** @param totalBytes inflated so far, kept or not */
  inflated?(totalBytes: number): void;
  /** @param bytes that stay in memory from now on, until the dataset is let go */
  kept?(bytes: number): void;
};

/** `count`: Pixel Data is counted, what follows is read; `stop`: nothing from Pixel Data on; `keep`: everything. */
export type InflatedPixelData = 'count' | 'stop' | 'keep';

const PIECE_BYTES = 65_536;
/** Beside large values an image has some megabytes, at most, before Pixel Data. */
const MOST_KEPT_BYTES = 134_217_728;
/** More than this is never inflated while others wait: what comes from outside is streamed. */
const AT_ONCE_LIMIT_BYTES = 268_435_456;

/** Small and own objects. @throws IchorError DATASET_UNREADABLE */
export function inflateAtOnce(bytes: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: AT_ONCE_LIMIT_BYTES });
  } catch (error) {
    throw notInflatable(error);
  }
}

/** Deflate expands a byte to a thousand at most. */
const READABLE_BYTES = 4_096;

/** The beginning of what may be cut off; nothing when it is broken there. */
export function inflateReadable(bytes: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(bytes.subarray(0, READABLE_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return new Uint8Array();
  }
}

/** @throws IchorError DATASET_UNREADABLE, or the one that the watch throws */
export async function inflate(
  pieces: readonly Uint8Array[],
  pixelData: InflatedPixelData,
  watch: InflateWatch,
): Promise<ByteSource> {
  const keeper = makeKeeper(pixelData, watch);
  const stream = createInflateRaw({ chunkSize: PIECE_BYTES });
  Readable.from(blocks(pieces), { objectMode: false }).pipe(stream);
  try {
    for await (const piece of stream) if (keeper.push(piece)) break;
  } catch (error) {
    throw error instanceof IchorError ? error : notInflatable(error);
  }
  return byteSource(keeper.kept);
}

/** Small pieces joined: each block is a turn of its own. */
function* blocks(pieces: readonly Uint8Array[]): Iterable<Uint8Array> {
  let [small, bytes]: [Uint8Array[], number] = [[], 0];
  for (const piece of pieces) {
    small.push(piece);
    bytes += piece.length;
    if (bytes < PIECE_BYTES) continue;
    yield small.length === 1 ? piece : Buffer.concat(small);
    [small, bytes] = [[], 0];
  }
  yield Buffer.concat(small);
}

/** Decides piece by piece what stays. `push` says when enough is there. */
function makeKeeper(pixelData: InflatedPixelData, watch: InflateWatch) {
  const kept: Piece[] = [];
  let [totalBytes, keptBytes, nextScanBytes] = [0, 0, 0];
  let gap = { start: 0, end: 0 };
  let position = 0;

  /** Looks on from the last element whose end is known; a value that is not yet complete may become a gap. */
  function scan(): boolean {
    const found = scanElements(byteSource(kept), position, EXPLICIT_LITTLE_ENDIAN);
    position = found.position;
    if (found.open !== null && found.open.end - found.open.start > PIECE_BYTES) {
      gap = found.open;
      position = gap.end;
    }
    nextScanBytes = Math.max(2 * totalBytes, gap.end);
    return pixelData === 'stop' && found.reachesPixelData;
  }

  return {
    kept,
    push(piece: Buffer): boolean {
      totalBytes += piece.length;
      watch.inflated?.(totalBytes);
      const isGap = pixelData !== 'keep' && totalBytes - piece.length >= gap.start && totalBytes <= gap.end;
      if (isGap) {
        append(kept, piece.length);
        return false;
      }
      keptBytes += piece.length;
      if (pixelData !== 'keep' && keptBytes > MOST_KEPT_BYTES)
        throw unreadable(`it inflates to more than ${MOST_KEPT_BYTES} bytes beside large values`);
      watch.kept?.(piece.length);
      kept.push(piece);
      return totalBytes >= nextScanBytes && pixelData !== 'keep' && scan();
    },
  };
}

/** Gaps that follow each other are one. */
function append(kept: Piece[], bytes: number): void {
  const last = kept.at(-1);
  if (typeof last === 'number') kept[kept.length - 1] = last + bytes;
  else kept.push(bytes);
}

const unreadable = (reason: string, cause?: unknown): IchorError =>
  new IchorError('DATASET_UNREADABLE', { reason }, cause);
const notInflatable = (error: unknown): IchorError => unreadable(`it cannot be inflated (${reasonOf(error)})`, error);
