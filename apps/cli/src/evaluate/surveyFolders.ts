/** The studies under the folders of a command line. */
import { findStudies, type StudyFiles } from '@ichor/analysis/volume/findStudies';
import { type SurveyedStudy, surveyStudy } from '@ichor/evaluation/predictions/surveyStudies';
import { localFiles } from '@ichor/store/files/folderReader';
import type { Cli } from '../context.ts';
import { startProgress } from '../terminal.ts';
import { existingFolder } from '../triage/existingFolder.ts';
import { noStudies } from '../triage/noStudies.ts';

/** Every study under the folders; one that lies in several of them is one study. @throws IchorError INPUT_UNUSABLE without any */
export async function surveyFolders(cli: Cli, dirs: readonly string[]): Promise<SurveyedStudy[]> {
  const studies = new Map<string, Set<string>>();
  const problems: string[] = [];
  const onProblem = (problem: string): void => {
    problems.push(problem);
    cli.terminal.note(problem);
  };
  for (const dir of dirs) {
    for (const { studyInstanceUid, paths } of await findStudies(await existingFolder(dir), localFiles, onProblem))
      studies.set(studyInstanceUid, new Set([...(studies.get(studyInstanceUid) ?? []), ...paths]));
  }
  const found = [...studies].map(([studyInstanceUid, paths]): StudyFiles => ({ studyInstanceUid, paths: [...paths] }));
  if (found.length === 0) throw noStudies(dirs, problems);
  const progress = startProgress(cli.terminal, 'Reading', found.length);
  const surveyed: SurveyedStudy[] = [];
  for (const study of found) {
    surveyed.push(await surveyStudy(study, localFiles));
    progress.step(`study ${study.studyInstanceUid}`);
  }
  progress.done();
  return surveyed;
}
