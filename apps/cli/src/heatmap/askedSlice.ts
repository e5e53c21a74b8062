/** Which slice a person means. Pure. */
import type { SliceStack } from '@ichor/analysis/types';
import { IchorError } from '@ichor/shared/errors';

/**
 * @param asked number from 1 (skull base), or SOP Instance UID
 * @returns index in the stack
 * @throws IchorError INPUT_UNUSABLE: the series has no such slice
 */
export function askedSlice({ slices, seriesInstanceUid }: SliceStack, asked: string): number {
  const count = slices.length;
  if (/^\d+$/.test(asked)) {
    if (Number(asked) >= 1 && Number(asked) <= count) return Number(asked) - 1;
    throw refused(asked, `the stack has the slices 1 (skull base) to ${count}`);
  }
  const found = slices.flatMap(({ sopInstanceUid }, index) => (sopInstanceUid === asked ? [index] : []));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw refused(asked, `it is no slice of the series that was analysed, ${seriesInstanceUid}`);
  throw refused(asked, `${found.length} frames of that instance are slices; name one by its number, 1 to ${count}`);
}

const refused = (asked: string, reason: string): IchorError =>
  new IchorError('INPUT_UNUSABLE', { path: `--slice ${asked}`, reason });
