/** Which fragments of encapsulated Pixel Data make up a frame (PS3.5 §A.4). Pure. */

import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { Fragment, PixelData } from '../pixelData.ts';

type Encapsulated = PixelData & { kind: 'encapsulated' };

/**
 * The fragments of one frame, joined. Of a single frame all; otherwise by the Basic Offset Table, where every entry is the
 * place of a fragment that begins a codestream; otherwise one each; otherwise from one start of a codestream to the next. A table that points elsewhere
 * (as where a writer counted from another place, or left item headers out) is not followed; the Extended Offset Table (which
 * wants one fragment for each frame, PS3.3 C.7.6.3.1.8) says nothing that is not known without it.
 * @throws NotAnalysable missing-pixel-data, undecodable-pixel-data
 */
export function encapsulatedFrame(pixelData: Encapsulated, frameNumber: number, frames: number): Uint8Array {
  const fragments = pixelData.fragments.filter(({ bytes }) => bytes.length > 0);
  if (fragments.length === 0) throw new NotAnalysable('missing-pixel-data', 'the frame has no fragment');
  const starts = frames === 1 ? [0] : startsOfFrames(fragments, pixelData.basicOffsetTable, frames);
  const chosen = fragments.slice(starts[frameNumber - 1], starts[frameNumber]);
  return chosen.length === 1 ? chosen[0]!.bytes : Buffer.concat(chosen.map(({ bytes }) => bytes));
}

/** Index of the first fragment of every frame. */
function startsOfFrames(fragments: readonly Fragment[], table: readonly number[], frames: number): number[] {
  const found = fragments.flatMap(({ bytes }, index) => (startsCodestream(bytes) ? [index] : []));
  const offered = table.map((offset) => fragments.findIndex((fragment) => fragment.offset === offset));
  const isBelievable = offered[0] === 0 && isAscending(offered) && offered.every((index) => found.includes(index));
  if (table.length === frames && isBelievable) return offered;
  if (fragments.length === frames) return fragments.map((_, index) => index);
  if (found.length === frames && found[0] === 0) return found;
  const what = table.length === 0 ? 'no offset table' : 'an offset table that does not fit them';
  throw new NotAnalysable('undecodable-pixel-data', `${fragments.length} fragments for ${frames} frames, and ${what}`);
}

const isAscending = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number > numbers[index - 1]!);

/** SOI of the JPEG family, SOC and SIZ of JPEG 2000, or the header of an RLE frame: a count of segments, the first behind it. */
function startsCodestream(bytes: Uint8Array): boolean {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return true;
  if (bytes[0] === 0xff && bytes[1] === 0x4f && bytes[2] === 0xff && bytes[3] === 0x51) return true;
  const [count, none1, none2, none3, first, ...rest] = bytes.subarray(0, 8);
  return count! >= 1 && count! <= 15 && first === 64 && [none1, none2, none3, ...rest].every((byte) => byte === 0);
}
