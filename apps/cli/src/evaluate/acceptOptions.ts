/** `--accept-derived` and `--accept-missing LIST`: what is taken against production's rules. */
import { type Accepted, MISSING_ATTRIBUTES } from '@ichor/analysis/accepted';

export type AcceptOptions = {
  /** Takes derived images, which production refuses: slices rebuilt from another format. */
  readonly acceptDerived: boolean;
  /** Takes images whose header lacks these: `sop-class`, `body-part`, `image-type`. */
  readonly acceptMissing: readonly string[];
};

/** Words of `--accept-missing`. */
export const MISSING_WORDS: readonly string[] = MISSING_ATTRIBUTES.map((one) => one.replace('missing-', ''));

/** @param acceptMissing each of {@link MISSING_WORDS} */
export const acceptedBy = ({ acceptDerived, acceptMissing }: AcceptOptions): Accepted =>
  new Set([
    ...(acceptDerived ? (['derived'] as const) : []),
    ...MISSING_ATTRIBUTES.filter((one) => acceptMissing.includes(one.replace('missing-', ''))),
  ]);
