/** A C-STORE request as the acceptor gives it to whoever stores. */

export type StoreRequest = {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly abstractSyntaxUid: string;
  readonly transferSyntaxUid: string;
  readonly callingAeTitle: string;
  /** The dataset as it came. */
  readonly chunks: readonly Buffer[];
  /** Charges bytes that a deflated dataset takes beside its chunks; false when there is no room for them. */
  readonly takeMemory?: (bytes: number) => boolean;
};
