/** Folders in which no study was found, and what hindered. */
import { resolve } from 'node:path';
import { IchorError } from '@ichor/shared/errors';

/** @param problems of files that could not be read */
export function noStudies(dirs: readonly string[], problems: readonly string[]): IchorError {
  const path = dirs.map((dir) => resolve(dir)).join(', ');
  const none = 'it holds no DICOM file with a Study Instance UID';
  const reason =
    problems.length === 0 ? none : `${none} that can be read; of ${problems.length}, the first: ${problems[0]}`;
  return new IchorError('INPUT_UNUSABLE', { path, reason });
}
