/** The one study that a command is about. */
import { findStudies, type StudyFiles } from '@ichor/analysis/volume/findStudies';
import { IchorError } from '@ichor/shared/errors';
import { localFiles } from '@ichor/store/files/folderReader';
import { existingFolder } from '../triage/existingFolder.ts';
import { noStudies } from '../triage/noStudies.ts';

/**
 * @param studyInstanceUid null where the folder holds one only
 * @throws IchorError INPUT_UNUSABLE: none, several, or not this one
 */
export async function onlyStudy(
  dir: string,
  studyInstanceUid: string | null,
  onProblem: (problem: string) => void,
): Promise<StudyFiles> {
  const [path, problems] = [await existingFolder(dir), [] as string[]];
  const studies = await findStudies(path, localFiles, (problem) => {
    problems.push(problem);
    onProblem(problem);
  });
  if (studies.length === 0) throw noStudies([dir], problems);
  const wanted = studies.filter((study) => studyInstanceUid === null || study.studyInstanceUid === studyInstanceUid);
  if (wanted.length === 1) return wanted[0]!;
  const uids = studies.slice(0, 5).map((study) => study.studyInstanceUid);
  const held = `it holds ${studies.length === 1 ? 'the study' : `${studies.length} studies,`} ${uids.join(', ')}${studies.length > uids.length ? ' …' : ''}`;
  throw new IchorError('INPUT_UNUSABLE', { path, reason: `${held}; name one with --study UID` });
}
