/**
 * A database's clock may be set back. A stored time that lies further ahead than Ichor ever writes was written before that:
 * it counts as now, so that nothing waits until the clock has caught up.
 */

/** Transactions that run beside each other see times a little ahead of their own. */
export const CLOCK_SLACK_MS = 10_000;
