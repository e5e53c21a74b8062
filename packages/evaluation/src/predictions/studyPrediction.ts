/** What one bundle says of one study: everything that the figures need, small enough to keep. */
import { z } from 'zod';

/** In the order of the model's classes. */
const PerClass = z.array(z.number()).min(1);

/** Kept as JSON under the output folder; {@link StudyPrediction} is its type. */
export const StudyPredictionSchema = z.object({
  studyInstanceUid: z.string(),
  state: z.enum(['flagged', 'clear', 'not-analysed', 'failed']),
  /** Why it was not analysed, or failed. */
  reason: z.object({ code: z.string(), sentence: z.string(), detail: z.string().nullable() }).nullable(),
  /** Every series, and why it was not the one that was analysed; null for that one. */
  series: z.array(z.object({ seriesInstanceUid: z.string(), reason: z.string().nullable() })),
  /** The analysed slices in spatial order; the probabilities of the sequence model and of the CNN alone. */
  slices: z.array(
    z.object({ sopInstanceUid: z.string(), frameNumber: z.number().nullable(), sequence: PerClass, cnn: PerClass }),
  ),
  /** Scan-level scores as production decides them; null when not analysed. */
  scan: z.object({ sequence: PerClass, cnn: PerClass }).nullable(),
  /** Wall time of the analysis. */
  durationMs: z.number(),
});
export type StudyPrediction = z.infer<typeof StudyPredictionSchema>;
