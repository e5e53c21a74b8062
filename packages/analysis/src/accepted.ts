/**
 * What production refuses and an evaluation may take, so that data of research run through production's path. Production takes nothing of it.
 *
 * `missing-image-type` alone is asked of nobody: production takes a series that does not say whether it is original. It is named so
 * that a report can count such images.
 */
export const MISSING_ATTRIBUTES = ['missing-sop-class', 'missing-body-part', 'missing-image-type'] as const;
export type MissingAttribute = (typeof MISSING_ATTRIBUTES)[number];
export type Acceptable = 'derived' | MissingAttribute;
export type Accepted = ReadonlySet<Acceptable>;

export const NOTHING_ACCEPTED: Accepted = new Set();
