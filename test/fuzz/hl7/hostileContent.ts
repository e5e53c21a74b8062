/** Results with hostile values in every field that a message is built from. */
import type { ResultView } from '@ichor/store/studyView';
import { FINDINGS } from '../../support/worklistRows.ts';
import type { Dice } from '../dice.ts';
import { hostileText } from '../mutate/hostileText.ts';

/** The parser that judges the message takes a time that grows with its square. */
const MOST_CHARACTERS = 3_000;
const STATES = ['flagged', 'clear', 'not-analysed', 'failed'] as const;

/** @param hostile false: as triage leaves it */
export function contentOf(dice: Dice, hostile: boolean): ResultView {
  const text = <T extends string | null>(usual: T): T =>
    hostile && dice.chance(0.5) ? (hostileText(dice).slice(0, MOST_CHARACTERS) as T) : usual;
  const state = dice.pick(STATES);
  const reason = { code: 'too-few-slices', sentence: text('Too few.'), detail: text('3 slices') } as const;
  const nothing = { reason: null, error: null, findings: null, keySlices: [] } as const;
  const told =
    state === 'not-analysed'
      ? { ...nothing, state, reason }
      : state === 'failed'
        ? { ...nothing, state, error: text('INFERENCE_FAILED') }
        : { ...nothing, state, findings: FINDINGS };
  return {
    patient: { id: text('P-1'), name: text('Doe^Jane^^Dr=山田^太郎') },
    studyDate: text('20240131'),
    resultAt: new Date(1_700_000_000_000),
    study: {
      ...told,
      studyInstanceUid: text('1.2.3'),
      accessionNumber: text('A-1'),
      revision: 1,
      priority: 3,
      receivedInstances: 12,
      incomplete: null,
      series: [],
      model: { name: text('model'), version: text('1.0.0'), sha256: 'ab' },
      times: { firstInstance: null, lastInstance: null, complete: null, decided: null, flagged: null, delivered: null },
      deliveries: [],
      report: null,
    },
  };
}
