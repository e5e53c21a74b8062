/** The worklist on a terminal, positive studies first, as the API orders it. */
import type { StudyView } from '@ichor/shared/study';
import { decision, findingOf, presentKinds, targetOf } from '@ichor/shared/target';
import { paint, type Terminal, table } from '../terminal.ts';
import { STATE_STYLES } from '../triage/describeStudy.ts';

/** @param studies in the order of the worklist */
export function worklistTable(terminal: Terminal, studies: readonly StudyView[]): string[] {
  const head = ['STATE', 'ACCESSION', 'FINDINGS (SCORE)', 'INSTANCES', 'RESULT AFTER', 'REPORT'];
  const rows = studies.map((study) => [
    paint(terminal, study.state === 'flagged' ? ['bold', 'red'] : STATE_STYLES[study.state], study.state),
    study.accessionNumber ?? '',
    findingsText(study),
    String(study.receivedInstances),
    secondsFromCompletion(study),
    deliveryText(study),
  ]);
  return table([head.map((title) => paint(terminal, 'dim', title)), ...rows]);
}

/** What is present, the highest score first; for a study without findings its score, or why it has none. */
function findingsText({ findings, reason, error, model }: StudyView): string {
  if (findings === null) return reason === null ? (error ?? '') : reason.sentence;
  const target = targetOf(model);
  const kinds = presentKinds(target, findings)
    .map(({ name }) => ({ name, score: findingOf(findings, name).score }))
    .toSorted((one, other) => other.score - one.score);
  return [{ name: target.decides, score: decision(target, findings).score }, ...kinds]
    .map(({ name, score }) => `${name} ${score.toFixed(2)}`)
    .join(', ');
}

function secondsFromCompletion({ times }: StudyView): string {
  const from = times.lastInstance === null ? Number.NaN : Date.parse(times.lastInstance);
  const seconds = (Date.parse(times.decided ?? '') - from) / 1000;
  return Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : '–';
}

function deliveryText({ deliveries }: StudyView): string {
  const count = (object: 'SR' | 'SC'): number =>
    deliveries.filter((one) => one.object === object && one.state !== 'pending').length;
  const maps = count('SC');
  return [count('SR') > 0 && 'report', maps > 0 && `${maps} heat map${maps === 1 ? '' : 's'}`]
    .filter(Boolean)
    .join(' + ');
}
