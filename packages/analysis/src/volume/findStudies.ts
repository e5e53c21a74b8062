/** DICOM files under a folder, by study. */
import { dirname } from 'node:path';
import { readPart10Head } from '@ichor/dicom/readPart10';
import { asIchorError } from '@ichor/shared/errors';
import { readingFile } from '@ichor/shared/fileFault';
import type { FileReader } from '@ichor/shared/files';
import { findDicomFiles } from './findDicomFiles.ts';

export type StudyFiles = { readonly studyInstanceUid: string; readonly paths: readonly string[] };

const STUDY_INSTANCE_UID = 'StudyInstanceUID';

/**
 * A file that looks like DICOM but whose study cannot be read may be the slice with the bleed: it counts to every study
 * that has a file in its folder, which is then not analysed.
 * @param files reads absolute paths. @param onProblem gets a line for each such file
 * @throws IchorError FILE_UNREADABLE when a folder cannot be read
 */
export async function findStudies(
  dir: string,
  files: FileReader,
  onProblem: (problem: string) => void,
): Promise<StudyFiles[]> {
  const studies = new Map<string, string[]>();
  const unreadable: string[] = [];
  for (const path of await readingFile(dir, () => findDicomFiles(dir))) {
    const studyInstanceUid = await studyOf(files, path, onProblem);
    if (studyInstanceUid === undefined) continue;
    if (studyInstanceUid === null) unreadable.push(path);
    else pathsOf(studies, studyInstanceUid).push(path);
  }
  for (const path of unreadable)
    for (const paths of studies.values()) if (paths.some((other) => dirname(other) === dirname(path))) paths.push(path);
  return [...studies].map(([studyInstanceUid, paths]) => ({ studyInstanceUid, paths }));
}

function pathsOf(studies: Map<string, string[]>, studyInstanceUid: string): string[] {
  const paths = studies.get(studyInstanceUid) ?? [];
  studies.set(studyInstanceUid, paths);
  return paths;
}

/** @returns undefined for a file that is none of ours: not named .dcm and without the mark of a DICOM file */
async function studyOf(
  files: FileReader,
  path: string,
  onProblem: (problem: string) => void,
): Promise<string | null | undefined> {
  try {
    const studyInstanceUid = (await readPart10Head(files, path)).dataset.text(STUDY_INSTANCE_UID);
    if (studyInstanceUid === null) onProblem(`${path}: no Study Instance UID`);
    return studyInstanceUid;
  } catch (thrown) {
    const error = asIchorError(thrown);
    if (error.code === 'NOT_DICOM' && !path.toLowerCase().endsWith('.dcm')) return undefined;
    onProblem(error.message.startsWith(path) ? error.message : `${path}: ${error.message}`);
    return null;
  }
}
