/** Answer to a storage commitment request of ours (PS3.4 Annex J), one entry per instance. */
export type CommitmentReport = {
  readonly transactionUid: string;
  readonly succeeded: readonly string[];
  readonly failed: readonly { readonly sopInstanceUid: string; readonly reason: number }[];
};
