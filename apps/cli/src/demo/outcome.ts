/** Has everything arrived, and is it what was expected? */
import type { StudyView } from '@ichor/shared/study';
import { RESULT_STATES } from '@ichor/shared/study';
import type { DemoStudy } from './phantoms.ts';

/** Files that the PACS has written, by SOP Instance UID. */
export type Received = ReadonlyMap<string, string>;

/** What still keeps the demo from being complete, a sentence each; empty when everything is there. */
export function missing(expected: readonly DemoStudy[], studies: readonly StudyView[], received: Received): string[] {
  return expected.flatMap(({ title, study, expected: state }) => {
    const found = studies.find((one) => one.studyInstanceUid === study.studyInstanceUid);
    const subject = `The study with ${title}`;
    if (found === undefined) return [`${subject} is not in the worklist.`];
    return missingOf(found, state, study.files.length, received).map((what) => `${subject} ${what}`);
  });
}

function missingOf(found: StudyView, state: string, files: number, received: Received): string[] {
  const problems: string[] = [];
  if (found.receivedInstances !== files) problems.push(`has ${found.receivedInstances} of ${files} instances.`);
  if (found.state !== state) problems.push(`is ${found.state}, not ${state}${explained(found)}.`);
  for (const kind of state === 'flagged' ? (['SR', 'SC'] as const) : (['SR'] as const))
    if (!found.deliveries.some(({ object }) => object === kind))
      problems.push(`has no ${kind === 'SR' ? 'report' : 'heat map'}.`);
  for (const { object, sopInstanceUid, state: delivery, error } of found.deliveries)
    if (!received.has(sopInstanceUid))
      problems.push(`misses an ${object} in the PACS (${delivery}${error ? `: ${error}` : ''}).`);
  return problems;
}

const explained = ({ reason, error }: StudyView): string =>
  reason ? `: ${reason.sentence}` : error ? `: ${error}` : '';

/** Whether nothing more will happen to a study: it has a result, and each object has arrived or was given up, or none could be written. */
export function isSettled(study: StudyView, received: Received): boolean {
  if (!RESULT_STATES.some((state) => state === study.state)) return false;
  if (study.deliveries.length === 0) return study.report === 'failed';
  return study.deliveries.every(
    ({ state, sopInstanceUid }) => state === 'dead' || (state !== 'pending' && received.has(sopInstanceUid)),
  );
}
