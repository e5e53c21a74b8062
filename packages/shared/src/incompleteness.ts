/** What is known to be missing of a study (docs/adr/0015), for programs and in words. */

export type Incompleteness = {
  /** Instances that were refused or broke off and did not come since. */
  readonly missingInstances: number;
  /** Series whose last transfer ended without a release: how many instances that cost is not known. */
  readonly brokenOffSeries: number;
};

/** "4 instances missing, 1 series whose transfer broke off" */
export function describeIncompleteness({ missingInstances, brokenOffSeries }: Incompleteness): string {
  const missing = `${missingInstances === 0 ? 'an unknown number of' : missingInstances} instance${missingInstances === 1 ? '' : 's'} missing`;
  return brokenOffSeries === 0 ? missing : `${missing}, ${brokenOffSeries} series whose transfer broke off`;
}
