/** The analysed slices as pictures: the very pixels that the analysis saw, or none. */
import type { Decoder } from '@ichor/analysis/decoding/decoder';
import { sliceDigest } from '@ichor/analysis/volume/pixelDigest';
import { slicePng } from '@ichor/report/heatmapImage';
import { IchorError } from '@ichor/shared/errors';
import type { SpoolReference } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { SliceScore } from '@ichor/shared/study';
import { spoolPathsOf } from '@ichor/store/rows/instance';
import { sliceScoresOf } from '@ichor/store/rows/result';
import { missing, type Picture, picture, type Source } from './images.ts';

/** Centre and width in Hounsfield units. */
export const WINDOWS = {
  brain: { centre: 40, width: 80 },
  subdural: { centre: 80, width: 200 },
  'soft-tissue': { centre: 40, width: 380 },
  bone: { centre: 600, width: 2800 },
} as const;
export type WindowName = keyof typeof WINDOWS;

export type SliceSource = Source & {
  readonly decode: Decoder['decode'];
  /** Why a frame cannot be shown, by file and frame: what took a decoder all its time is not given to another. */
  readonly undecodable: Map<string, IchorError>;
};
const MOST_REMEMBERED = 10_000;

/** The n-th analysed slice (from 1). @throws IchorError STUDY_UNKNOWN, REQUEST_INVALID */
export async function sliceImage(
  source: SliceSource,
  studyInstanceUid: string,
  number: number,
  window: WindowName,
): Promise<Picture> {
  const slice = (await sliceScoresOf(source.database, studyInstanceUid))[number - 1];
  const paths = slice === undefined ? [] : await spoolPathsOf(source.database, studyInstanceUid, slice.sopInstanceUid);
  if (slice === undefined || paths.length === 0) throw missing('slice', number);
  return picture(['slice', paths, slice.pixelDigest ?? null, slice.frameNumber ?? 1, window], async (signal) =>
    slicePng(await analysedSlice(source, slice, paths, signal), WINDOWS[window]),
  );
}

/**
 * @param paths in the spool, in the order of arrival; of a result from before Ichor kept digests the first is shown
 * @throws IchorError PIXEL_DATA_UNDECODABLE, ANALYSED_PIXELS_GONE, DECODER_BUSY, DECODER_UNAVAILABLE
 */
async function analysedSlice(
  source: SliceSource,
  slice: SliceScore,
  paths: readonly SpoolReference[],
  signal: AbortSignal,
) {
  let why = new IchorError('ANALYSED_PIXELS_GONE', { sopInstanceUid: slice.sopInstanceUid });
  for (const path of paths) {
    const loaded = await decodeOnce(source, slice, path, signal).catch((error: unknown) => {
      if (!(error instanceof IchorError) || error.retryable) throw error;
      why = error;
      return null;
    });
    if (loaded === null) continue;
    if (slice.pixelDigest === undefined || sliceDigest(loaded.hu) === slice.pixelDigest) return loaded;
  }
  throw why;
}

async function decodeOnce(source: SliceSource, slice: SliceScore, path: SpoolReference, signal: AbortSignal) {
  const { sopInstanceUid, frameNumber = 1 } = slice;
  const key = `${path} ${frameNumber}`;
  const known = source.undecodable.get(key);
  if (known !== undefined) throw known;
  try {
    return await source.decode({ reference: path, frameNumber }, signal);
  } catch (error) {
    if (!isContentsFault(error)) throw error;
    const shown = new IchorError('PIXEL_DATA_UNDECODABLE', { sopInstanceUid, reason: error.message }, error);
    if (source.undecodable.size >= MOST_REMEMBERED) source.undecodable.clear();
    if (error instanceof NotAnalysable && error.reason.code === 'undecodable-pixel-data')
      source.undecodable.set(key, shown);
    throw shown;
  }
}

/** No frame, or no DICOM: whoever reads the file again finds the same. */
const isContentsFault = (error: unknown): error is NotAnalysable | IchorError =>
  error instanceof NotAnalysable || (error instanceof IchorError && !error.retryable);
