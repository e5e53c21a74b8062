/**
 * {@link StudyView} and {@link StudyDetail} as schemas: served to integrators at `/api/schema` and `/api/schema/detail`, and what
 * the API is tested against. They name the classes of every target that a result may have.
 */

import { REASONS } from '@ichor/shared/reasons';
import type { StudyView } from '@ichor/shared/study';
import { REPORT_STATES, RESULT_STATES, STUDY_STATES } from '@ichor/shared/study';
import { classNames, HEMORRHAGE, type Target } from '@ichor/shared/target';
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

const finding = z.strictObject({ score, threshold: z.number(), present: z.boolean() });
const concept = z.strictObject({ value: z.string(), scheme: z.string(), meaning: z.string() });
const target = z
  .strictObject({
    name: z.string(),
    general: z.string(),
    code: z.string(),
    decides: z.string().meta({ description: 'the class that flags a study; the others are kinds of it' }),
    classes: z.array(
      z.strictObject({
        name: z.string(),
        meaning: z.string(),
        short: z.string(),
        abbreviation: z.string(),
        finding: concept,
        site: concept,
        unit: z.literal('1'),
      }),
    ),
  })
  .meta({ description: 'what the model looks for; absent: the six classes of intracranial hemorrhage' });

/** One of several shapes; of a single one just that. */
const either = <T extends z.ZodType>(schemas: readonly T[]): T | z.ZodUnion<readonly T[]> =>
  schemas.length === 1 ? schemas[0]! : z.union(schemas);
const classOf = (targets: readonly Target[]) => z.enum([...new Set(targets.flatMap(classNames))]);
const scoresOf = (targets: readonly Target[]) =>
  either([...new Set(targets.map(({ classes }) => classes.length))].map((length) => z.array(score).length(length)));

/** Integrators get one shape with every field; what the union by state says beyond that is for our compiler. */
type Fields = { [Name in keyof StudyView]: StudyView[Name] };

/** A study as `GET /api/studies` and `ichor triage --json` give it. */
const viewSchema = (targets: readonly Target[]) =>
  z.strictObject({
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
    findings: either(targets.map((target) => z.record(z.enum(classNames(target)), finding))).nullable(),
    keySlices: z.array(
      z.strictObject({
        sopInstanceUid: uid,
        frameNumber: z.int().positive().exactOptional(),
        finding: classOf(targets),
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
    model: z
      .strictObject({ name: z.string(), version: z.string(), sha256: z.string(), target: target.exactOptional() })
      .nullable(),
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
  }) satisfies z.ZodType<Fields>;
export const StudyViewSchema = viewSchema([HEMORRHAGE]);

/** What the study page adds, as `GET /api/studies/{uid}/detail` gives it. */
const detailSchema = (targets: readonly Target[]) =>
  z.strictObject({
    slices: z
      .array(
        z.strictObject({
          sopInstanceUid: uid,
          frameNumber: z.int().positive().exactOptional(),
          zMm: z.number().exactOptional().meta({ description: 'z of Image Position (Patient), mm' }),
          probabilities: scoresOf(targets).meta({
            description: `calibrated, in the order ${targets.map((target) => classNames(target).join(', ')).join('; or ')}`,
          }),
          cnnProbabilities: scoresOf(targets).meta({ description: 'of the CNN alone, in the same order' }),
          influence: z.partialRecord(classOf(targets), score).exactOptional().meta({
            description: 'per present finding, the share of this slice in what drove it; all slices add up to 1',
          }),
          heatmap: z.boolean().meta({ description: 'whether heatmaps/{n}.png exists: the secondary capture' }),
          layer: z
            .strictObject({
              finding: classOf(targets),
              score,
              of: z.literal('cnn').exactOptional().meta({
                description: 'there where it explains what the CNN says of the slice alone',
              }),
            })
            .nullable()
            .meta({ description: 'what layers/{n}.png explains; null when there is none' }),
        }),
      )
      .meta({
        description: 'the analysed slices, from skull base to vertex; n of a picture is the place here, from 1',
      }),
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
export const StudyDetailSchema = detailSchema([HEMORRHAGE]);

/** JSON Schemas (draft 2020-12) of {@link StudyView} and {@link StudyDetail} where results may have these targets. */
export const jsonSchemas = (targets: readonly Target[]) => ({
  study: z.toJSONSchema(viewSchema(targets)),
  detail: z.toJSONSchema(detailSchema(targets)),
});
