/** A study for a person's eyes. */
import type { KeySlice, SliceScore, StudyView } from '@ichor/shared/study';
import { classNames, findingOf, presenceOf, targetOf } from '@ichor/shared/target';
import { paint, type Style, type Terminal, table } from '../terminal.ts';

/** Colour of each state, also in the demo's worklist. */
export const STATE_STYLES: Readonly<Record<StudyView['state'], Style>> = {
  flagged: 'red',
  clear: 'green',
  'not-analysed': 'yellow',
  failed: 'yellow',
  receiving: 'dim',
  queued: 'dim',
  analysing: 'dim',
};

/**
 * State and reason, findings with score and threshold, key slices, and what became of each series.
 * @param sliceScores in the order of the stack, skull base first
 */
export function describeStudy(terminal: Terminal, study: StudyView, sliceScores: readonly SliceScore[]): string[] {
  const state = paint(terminal, STATE_STYLES[study.state], study.state);
  const lines = [`${state}  study ${study.studyInstanceUid}  (${study.receivedInstances} instances)`];
  if (study.reason !== null)
    lines.push(`  ${study.reason.sentence}${study.reason.detail ? ` (${study.reason.detail})` : ''}`);
  if (study.error !== null) lines.push(`  error ${study.error}`);
  lines.push(...indented(table(findingRows(terminal, study))));
  lines.push(...indented(table(keySliceRows(study, sliceScores))));
  lines.push(...indented(table(seriesRows(study))));
  lines.push('  Not for diagnostic use. The absence of a flag is not a negative read.');
  return lines;
}

function findingRows(terminal: Terminal, { findings, model }: StudyView): string[][] {
  if (findings === null) return [];
  const target = targetOf(model);
  return classNames(target).map((name) => {
    const { score, threshold } = findingOf(findings, name);
    const presence = presenceOf(target, findings, name);
    return [
      name,
      `score ${score.toFixed(3)}`,
      `threshold ${threshold.toFixed(3)}`,
      presence === 'present' ? paint(terminal, 'red', presence) : presence,
    ];
  });
}

/** One row for each slice, from the skull base up: its place and what it is a key slice of. */
function keySliceRows({ keySlices, model }: StudyView, sliceScores: readonly SliceScore[]): string[][] {
  return sliceScores.flatMap((slice, index) => {
    const own = keySlices.filter(
      (key) => key.sopInstanceUid === slice.sopInstanceUid && key.frameNumber === slice.frameNumber,
    );
    return own.length === 0
      ? []
      : [['key slice', `${index + 1} of ${sliceScores.length}`, findingsOf(own, classNames(targetOf(model)))]];
  });
}

const findingsOf = (keySlices: readonly KeySlice[], classes: readonly string[]): string =>
  keySlices
    .toSorted((one, other) => classes.indexOf(one.finding) - classes.indexOf(other.finding))
    .map(({ finding, score }) => `${finding} ${score.toFixed(3)}`)
    .join(', ');

const seriesRows = ({ series }: StudyView): string[][] =>
  series.map(({ seriesInstanceUid, description, instances, reason, leftOut = [] }) => [
    'series',
    description ?? '(no description)',
    `${instances} instances`,
    [
      reason === null ? 'analysed' : reason.sentence,
      ...leftOut.map((left) => `(left out: ${left.instances}, ${left.why})`),
    ].join(' '),
    seriesInstanceUid,
  ]);

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
