/** Bad input found while an analysis runs: the study ends as `not-analysed` with this reason, never as a fault. */
import { type Reason, type ReasonCode, reason } from './reasons.ts';

export class NotAnalysable extends Error {
  readonly reason: Reason;
  /** Whether finding it out took all the time that a slice may have. */
  readonly outOfTime: boolean;
  constructor(code: ReasonCode, detail?: string, outOfTime = false) {
    super(detail ?? code);
    this.name = 'NotAnalysable';
    this.reason = reason(code, detail);
    this.outOfTime = outOfTime;
  }
}
