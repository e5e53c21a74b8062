/** {@link StudyView} and {@link StudyDetail} as schemas: served to integrators at `/api/schema` and `/api/schema/detail`, and what the API is tested against. */

import { REASONS } from '@ichor/shared/reasons';
import type { StudyView } from '@ichor/shared/study';
import { FINDING_CLASSES, REPORT_STATES, RESULT_STATES, STUDY_STATES } from '@ichor/shared/study';
import { z } from 'zod';
import { Verdict } from './feedback.ts';
import type { StudyDetail } from './studyDetail.ts';

const uid = z.string().max(64);
const score = z.number().min(0).max(1);
const time = z.iso.datetime().nullable();
const reason = z.strictObject({
  code: z.enum(Object.keys(REASONS) as (keyof typeof REASONS)[]),
  sentence: z.string(),
  detail: z.string().exactOptional(),
});

/** A study as `GET /api/studies` and `ichor triage --json` give it. */
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
  incomplete: z
    .strictObject({ missingInstances: z.int().min(0), brokenOffSeries: z.int().min(0) })
    .nullable()
    .meta({ description: 'what is known to be missing; null: nothing' }),
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
      leftOut: z
        .array(z.strictObject({ instances: z.int().positive(), why: z.string() }))
        .exactOptional()
        .meta({ description: 'instances of the series that are no slices of it, and were left out' }),
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
  report: z.enum(REPORT_STATES).nullable().meta({ description: 'structured report and heat maps of the result' }),
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

const six = z.array(score).length(FINDING_CLASSES.length);
/** What the study page adds, as `GET /api/studies/{uid}/detail` gives it. */
export const StudyDetailSchema = z.strictObject({
  slices: z
    .array(
      z.strictObject({
        sopInstanceUid: uid,
        frameNumber: z.int().positive().exactOptional(),
        zMm: z.number().exactOptional().meta({ description: 'z of Image Position (Patient), mm' }),
        probabilities: six.meta({ description: `calibrated, in the order ${FINDING_CLASSES.join(', ')}` }),
        cnnProbabilities: six.meta({ description: 'of the CNN alone, in the same order' }),
        influence: z.partialRecord(z.enum(FINDING_CLASSES), score).exactOptional().meta({
          description: 'per present finding, the share of this slice in what drove it; all slices add up to 1',
        }),
        heatmap: z.boolean().meta({ description: 'whether heatmaps/{n}.png exists: the secondary capture' }),
        layer: z
          .strictObject({ finding: z.enum(FINDING_CLASSES), score })
          .nullable()
          .meta({ description: 'what layers/{n}.png explains; null when there is none' }),
      }),
    )
    .meta({ description: 'the analysed slices, from skull base to vertex; n of a picture is the place here, from 1' }),
  revisions: z.array(
    z.strictObject({
      revision: z.int().positive(),
      state: z.enum(RESULT_STATES),
      reason: z.string().nullable(),
      createdAt: z.iso.datetime(),
      model: z.string(),
      score: score.nullable(),
    }),
  ),
  report: z.array(z.strictObject({ depth: z.int().min(0), name: z.string(), value: z.string() })),
  viewerUrl: z.string().nullable(),
  feedback: z.array(
    Verdict.extend({ comment: z.string(), reader: z.string(), readerName: z.string(), at: z.iso.datetime() }),
  ),
}) satisfies z.ZodType<StudyDetail>;

/** JSON Schema (draft 2020-12) of {@link StudyDetail}. */
export const detailJsonSchema = z.toJSONSchema(StudyDetailSchema);
