/** What a reader may say of a finding. */
import type { FeedbackGiven } from '@ichor/store/rows/feedback';
import { z } from 'zod';

export const Verdict = z.strictObject({
  finding: z.string().max(64),
  verdict: z.enum(['agree', 'disagree', 'unsure']),
  comment: z.string().trim().max(2000).default(''),
}) satisfies z.ZodType<FeedbackGiven>;
