/** Files of a folder tree that may be DICOM: everything but hidden files, labels and notes. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const NOT_DICOM = /\.(csv|json|txt|md|png|jpe?g|html|xml|zip|gz|log|pdf)$/i;

/** Absolute paths, sorted. @throws the error of an unreadable folder */
export async function findDicomFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter(
      (entry) =>
        entry.isFile() && !entry.name.startsWith('.') && entry.name !== 'DICOMDIR' && !NOT_DICOM.test(entry.name),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
