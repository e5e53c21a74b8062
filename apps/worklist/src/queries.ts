/** Query strings of the API: text in, checked values out. */

import { NOTIFICATION_KINDS } from '@ichor/settings/notificationSettings';
import { IchorError } from '@ichor/shared/errors';
import { STUDY_STATES } from '@ichor/shared/study';
import type { IncidentQuery } from '@ichor/store/rows/incident';
import type { Position, StudyQuery } from '@ichor/store/studyPage';
import { z } from 'zod';

const MOST_ROWS = 500;

const limit = z.coerce
  .number('limit must be a number')
  .int('limit must be a whole number')
  .min(1, 'limit must be at least 1')
  .max(MOST_ROWS, `limit must be at most ${MOST_ROWS}`)
  .default(100);
const text = z.string('must be given once').max(64).nullable().default(null);
const states = z
  .union([z.string(), z.array(z.string())])
  .default([])
  .transform((given) => [given].flat().flatMap((part) => part.split(',')))
  .pipe(z.array(z.enum(STUDY_STATES, `state must be one of ${STUDY_STATES.join(', ')}`)));
const cursor = z
  .string('must be given once')
  .nullable()
  .default(null)
  .transform((given, context): Position | null => {
    const position = given === null ? null : decodeCursor(given);
    if (position !== undefined) return position;
    context.addIssue('cursor must be the `next` of a former page');
    return z.NEVER;
  });

/** @param findings names of the classes that a study may have */
const studies = (findings: readonly string[]) =>
  z.strictObject({
    finding: z
      .enum(findings, `finding must be one of ${findings.join(', ')}`)
      .nullable()
      .default(null),
    state: states,
    limit,
    accessionNumber: text,
    search: z.string('must be given once').max(128).nullable().default(null),
    withinHours: z.coerce.number('withinHours must be a number').positive().max(1_000_000).nullable().default(null),
    cursor,
  });
const Incidents = z.strictObject({
  limit,
  studyInstanceUid: text,
  code: text,
  before: z.coerce.number('before must be an incidentId').int().positive().nullable().default(null),
});

const Notifications = z.strictObject({
  limit,
  state: z.enum(['pending', 'delivered', 'dead'], 'state must be pending, delivered or dead').optional(),
  kind: z.enum(NOTIFICATION_KINDS, `kind must be one of ${NOTIFICATION_KINDS.join(', ')}`).optional(),
  studyInstanceUid: z.string('must be given once').max(64).optional(),
});

/**
 * `?state=flagged,failed&limit=100&accessionNumber=…&finding=subdural&search=…&withinHours=24&cursor=…`
 * @param findings names of the classes that a study may have @throws IchorError REQUEST_INVALID
 */
export function parseStudyQuery(query: unknown, findings: readonly string[]): StudyQuery {
  const { state, cursor: after, ...rest } = parse(studies(findings), query);
  return { ...rest, states: state, after };
}

/** `?studyInstanceUid=…&code=…&limit=…&before=…` @throws IchorError REQUEST_INVALID */
export function parseIncidentQuery(query: unknown): IncidentQuery {
  return parse(Incidents, query);
}

/** `?state=dead&kind=hl7&studyInstanceUid=…&limit=…` @throws IchorError REQUEST_INVALID */
export function parseNotificationQuery(query: unknown): z.infer<typeof Notifications> {
  return parse(Notifications, query);
}

/** A position as the opaque text of `cursor`. */
export function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

const CursorPosition = z.tuple([
  z.int32(),
  z.int32(),
  z.string().regex(/^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?(:\d\d)?$/),
  z.string().max(64),
]);

function decodeCursor(given: string): Position | undefined {
  try {
    return CursorPosition.safeParse(JSON.parse(Buffer.from(given, 'base64url').toString())).data;
  } catch {
    return undefined;
  }
}

function parse<T>(schema: z.ZodType<T>, query: unknown): T {
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  const reasons = result.error.issues.map((issue) => [...issue.path.slice(0, 1), issue.message].join(': '));
  throw new IchorError('REQUEST_INVALID', { reason: reasons.join('; ') });
}
