/** Bad input found while an analysis runs: the study ends as `not-analysed` with this reason, never as a fault. */
import { type Reason, type ReasonCode, reason } from '@ichor/shared';

export class NotAnalysable extends Error {
  readonly reason: Reason;
  constructor(code: ReasonCode, detail?: string) {
    super(detail ?? code);
    this.name = 'NotAnalysable';
    this.reason = reason(code, detail);
  }
}
