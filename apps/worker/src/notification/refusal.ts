/** A notification that was not taken, with what the receiver said. */
import { type Facts, IchorError } from '@ichor/shared/errors';

export type RefusalDetail = {
  /** The receiver's own words: for people who may see patients, never for logs. */
  readonly peerText?: string;
  /** How long the receiver asks to be left alone. */
  readonly retryAfterMs?: number | null;
};

export class Refusal extends IchorError {
  readonly detail: RefusalDetail;
  constructor(code: 'NOTIFICATION_REFUSED' | 'NOTIFICATION_DEFERRED', facts: Facts, detail: RefusalDetail = {}) {
    super(code, facts);
    this.detail = detail;
  }
}
