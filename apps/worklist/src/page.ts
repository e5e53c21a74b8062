/** A study in words, for terminals. */
import type { StudyView } from '@ichor/shared/study';

/** One line for a person: the findings with their scores, or why there are none. */
export function explanation(study: StudyView): string {
  if (study.reason !== null) return [study.reason.sentence, study.reason.detail].filter(Boolean).join(' ');
  if (study.state === 'failed') return study.error ?? '';
  if (study.findings === null) return '';
  const present = Object.entries(study.findings).filter(([name, finding]) => name !== 'any' && finding.present);
  const scores = present.map(([name, finding]) => `${name} ${finding.score.toFixed(2)}`);
  return [`any ${study.findings.any.score.toFixed(2)}`, ...scores].join(', ');
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
