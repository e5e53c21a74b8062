/** What a process that shows slices, and a decode process, say to each other (structured clone over IPC). */
import type { ErrorCode, Facts } from '@ichor/shared/errors';
import type { ReaderAddress } from '@ichor/shared/files';
import type { Reason } from '@ichor/shared/reasons';
import type { Slice } from '../types.ts';
import type { LoadedSlice } from '../volume/loadSlice.ts';
import type { ShapedFrame } from './limits.ts';

/** One frame of a Part 10 file: as the analysis knows it, or with the matrix that its header says. */
export type StoredFrame = ShapedFrame | Pick<Slice, 'reference' | 'frameNumber'>;

export type ToDecoder = {
  readonly frame: StoredFrame;
  readonly files: ReaderAddress;
  /**
   * See `timeoutFor`. Computing time, not time on the clock: a busy machine or a slow disk makes no slice undecodable.
   */
  readonly timeoutMs: number;
};
export type FromDecoder =
  | { readonly kind: 'ready' }
  | { readonly kind: 'decoded'; readonly slice: LoadedSlice }
  | { readonly kind: 'not-analysable'; readonly reason: Reason }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly facts: Facts };
