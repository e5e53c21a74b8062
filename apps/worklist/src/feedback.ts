/** What a reader may say of a finding. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { FeedbackGiven } from '@ichor/store/rows/feedback';
import { z } from 'zod';

export const Verdict = z.strictObject({
  finding: z.enum(FINDING_CLASSES),
  verdict: z.enum(['agree', 'disagree', 'unsure']),
  comment: z.string().trim().max(2000).default(''),
}) satisfies z.ZodType<FeedbackGiven>;
