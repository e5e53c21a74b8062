/**
 * The answer for a study that something is known to be missing of (docs/adr/0015): what is positive is told at once, and told to be
 * incomplete; anything else waits for what is missing, and is `not-analysed` in the end. Pure.
 */
import { createHash } from 'node:crypto';
import { describeIncompleteness, type Incompleteness } from '@ichor/shared/incompleteness';
import { type Reason, reason } from '@ichor/shared/reasons';
import { type FoundResult, NOTHING_FOUND, type NotAnalysedResult, type TriageResult } from '@ichor/shared/study';
import type { Arrived } from '@ichor/store/outbox/saveResult';

/** @param result of what arrived. @returns what may be said of the study, or that it must wait */
export function answerFor(
  result: TriageResult,
  { incomplete, isUnderWay, isFinal, wasClear }: Arrived,
): TriageResult | 'wait' {
  if (incomplete === null) return result.state === 'clear' && isUnderWay && !isFinal ? 'wait' : result;
  if (result.state === 'failed') return { ...result, incomplete };
  if (result.state === 'flagged') return withIncompleteness(result, incomplete);
  return isFinal || wasClear ? notAnalysed(result, incomplete) : 'wait';
}

/** The same input, but it is known that there is more: another result, with objects of its own. */
export function withIncompleteness<Result extends TriageResult>(
  result: Result,
  incomplete: Incompleteness | null,
): Result {
  if (incomplete === null) return result;
  const { missingInstances, brokenOffSeries } = incomplete;
  const lines = [result.inputDigest, `incomplete ${missingInstances} ${brokenOffSeries}`];
  return { ...result, incomplete, inputDigest: createHash('sha256').update(lines.join('\n')).digest('hex') };
}

function notAnalysed(result: FoundResult | NotAnalysedResult, incomplete: Incompleteness): NotAnalysedResult {
  const arrived = result.reason === null ? [] : [`of what arrived: ${result.reason.sentence}`];
  const why: Reason = reason('incomplete-study', [describeIncompleteness(incomplete), ...arrived].join('; '));
  return {
    ...withIncompleteness(result, incomplete),
    ...NOTHING_FOUND,
    state: 'not-analysed',
    reason: why,
    errorCode: null,
    series: result.series.map((one) => (one.reason === null ? { ...one, reason: why } : one)),
  };
}
