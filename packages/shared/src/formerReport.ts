/** The report that a new revision supersedes. */
export type FormerReport = {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
};
