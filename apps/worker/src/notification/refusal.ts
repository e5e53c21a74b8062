/** A notification that was not taken, with what the receiver said. */
import { CodedError, type FactsOf } from '@ichor/shared/errors';

export type RefusalDetail = {
  /** The receiver's own words: for people who may see patients, never for logs. */
  readonly peerText?: string;
  /** How long the receiver asks to be left alone. */
  readonly retryAfterMs?: number | null;
};

export class Refusal extends CodedError {
  readonly detail: RefusalDetail;
  constructor(
    code: 'NOTIFICATION_REFUSED' | 'NOTIFICATION_DEFERRED',
    facts: FactsOf<'NOTIFICATION_REFUSED' | 'NOTIFICATION_DEFERRED'>,
    detail: RefusalDetail = {},
  ) {
    super(code, facts);
    this.detail = detail;
  }
}
