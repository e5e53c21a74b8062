/** {@link StudyView} as a schema: served to integrators at `/api/schema`, and what the API is tested against. */
import type { StudyView } from '@ichor/shared';
import { FINDING_CLASSES, REASONS, STUDY_STATES } from '@ichor/shared';
import { z } from 'zod';

const uid = z.string().max(64);
const score = z.number().min(0).max(1);
const time = z.iso.datetime().nullable();
const reason = z.strictObject({
  code: z.enum(Object.keys(REASONS) as (keyof typeof REASONS)[]),
  sentence: z.string(),
  detail: z.string().exactOptional(),
});

/** A study as `GET /api/studies` and `ichor triage --json` give it (DESIGN §3). */
export const StudyViewSchema = z.strictObject({
  patient: z.strictObject({ name: z.string().nullable(), id: z.string().nullable() }).nullable().exactOptional(),
  studyInstanceUid: uid,
  accessionNumber: z.string().nullable(),
  state: z.enum(STUDY_STATES),
  reason: reason.nullable(),
  error: z.string().nullable(),
  revision: z.int().min(0),
  priority: z.int(),
  receivedInstances: z.int().min(0),
  findings: z
    .record(z.enum(FINDING_CLASSES), z.strictObject({ score, threshold: z.number(), present: z.boolean() }))
    .nullable(),
  keySlices: z.array(
    z.strictObject({
      sopInstanceUid: uid,
      frameNumber: z.int().positive().exactOptional(),
      finding: z.enum(FINDING_CLASSES),
      score,
    }),
  ),
  series: z.array(
    z.strictObject({
      seriesInstanceUid: uid,
      description: z.string().nullable(),
      instances: z.int(),
      reason: reason.nullable(),
    }),
  ),
  model: z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() }).nullable(),
  times: z.strictObject({
    firstInstance: time,
    lastInstance: time,
    complete: time,
    decided: time,
    flagged: time,
    delivered: time,
  }),
  deliveries: z.array(
    z.strictObject({
      destination: z.string(),
      object: z.enum(['SR', 'SC']),
      sopInstanceUid: uid,
      state: z.enum(['pending', 'stored', 'committed', 'dead']),
      attempts: z.int().min(0),
      error: z.string().nullable(),
    }),
  ),
}) satisfies z.ZodType<StudyView>;

/** JSON Schema (draft 2020-12) of one study. */
export const studyJsonSchema = z.toJSONSchema(StudyViewSchema);
