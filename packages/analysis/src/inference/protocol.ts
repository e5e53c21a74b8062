/** What the worker and its inference process say to each other (structured clone over IPC). */
import type { ErrorCode } from '@ichor/shared/errors';
import type { ReaderAddress } from '@ichor/shared/files';
import type { Reason } from '@ichor/shared/reasons';
import type { ModelIdentity } from '@ichor/shared/study';
import type { Analysis, SliceFeatures, SliceStack } from '../types.ts';
import type { StoredImage } from '../volume/pixelDigest.ts';
import type { MapRequest } from './findings.ts';

export type StartSettings = {
  readonly bundleDir: string;
  readonly threads: number;
  readonly executionProviders: readonly string[];
  readonly thresholds: readonly string[];
  readonly sliceDecodeTimeoutMs: number;
};
export type ToProcess =
  | { readonly kind: 'start'; readonly settings: StartSettings }
  | {
      readonly kind: 'analyse';
      readonly stack: SliceStack;
      readonly files: ReaderAddress;
      readonly cached: ReadonlyMap<string, SliceFeatures>;
      readonly maxKeySlices: number;
      readonly asked?: readonly MapRequest[];
    }
  | { readonly kind: 'digest'; readonly image: StoredImage; readonly files: ReaderAddress };

export type FromProcess =
  | { readonly kind: 'ready'; readonly model: ModelIdentity }
  | { readonly kind: 'provider-missing'; readonly provider: string; readonly reason: string }
  /** A slice begins; the end of the process before the next message is on its account. */
  | { readonly kind: 'decoding'; readonly where: string }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'done'; readonly analysis: Analysis }
  | { readonly kind: 'digested'; readonly digest: string }
  | { readonly kind: 'not-analysable'; readonly reason: Reason; readonly outOfTime: boolean }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly facts: Readonly<Record<string, string | number>> };
