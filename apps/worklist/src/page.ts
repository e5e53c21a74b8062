/** A study in words, for terminals. */
import type { StudyView } from '@ichor/shared/study';
import { findingOf, presentKinds, targetOf } from '@ichor/shared/target';

/** One line for a person: the findings with their scores, or why there are none. */
export function explanation(study: StudyView): string {
  if (study.reason !== null) return [study.reason.sentence, study.reason.detail].filter(Boolean).join(' ');
  if (study.state === 'failed') return study.error ?? '';
  const { findings, model } = study;
  if (findings === null) return '';
  const target = targetOf(model);
  return [target.decides, ...presentKinds(target, findings).map(({ name }) => name)]
    .map((name) => `${name} ${findingOf(findings, name).score.toFixed(2)}`)
    .join(', ');
}

/** `HOSPPACS: SR committed, 12 SC stored`. */
export function deliverySummary(study: StudyView): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { destination, object, state } of study.deliveries) {
    const kinds = counts.get(destination) ?? new Map<string, number>();
    counts.set(destination, kinds);
    kinds.set(`${object} ${state}`, (kinds.get(`${object} ${state}`) ?? 0) + 1);
  }
  return [...counts]
    .map(([destination, kinds]) => {
      const parts = [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} ${kind}`));
      return `${destination}: ${parts.join(', ')}`;
    })
    .join('; ');
}
