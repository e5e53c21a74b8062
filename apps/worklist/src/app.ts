/** The HTTP routes. Building the app is separate from listening, so that tests call it without a socket. */

import { addSignIn, audit, maySeePatients, type SignInConfig, withPatients } from '@ichor/accounts/signIn';
import type { Config } from '@ichor/settings/config';
import { asIchorError, type ErrorCode, IchorError, reasonOf } from '@ichor/shared/errors';
import type { StudyView } from '@ichor/shared/study';
import { classNames } from '@ichor/shared/target';
import type { Database } from '@ichor/store/postgres/database';
import { listIncidents } from '@ichor/store/rows/incident';
import { listTargets } from '@ichor/store/rows/modelTarget';
import { listStudies } from '@ichor/store/studyPage';
import { findStudy } from '@ichor/store/studyView';
import type { Log } from '@ichor/telemetry/log';
import { renderMetrics } from '@ichor/telemetry/metrics';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { z } from 'zod';
import type { EventStream } from './eventStream.ts';
import { addPages, type PageParts } from './pageRoutes.ts';
import { encodeCursor, parseIncidentQuery, parseStudyQuery } from './queries.ts';
import { type Checks, readiness } from './readiness.ts';
import { stateMetrics } from './stateMetrics.ts';
import { jsonSchemas } from './studySchema.ts';

export type AppParts = {
  readonly config: Pick<Config, 'trustedProxies'> & PageParts['config'] & SignInConfig;
  readonly database: Database;
  readonly log: Log;
  readonly checks: Checks;
  readonly events: EventStream;
} & Pick<PageParts, 'resend' | 'resendNotifications'>;

/** Errors of the table as HTTP statuses; every other one is 500, or 503 when another try may succeed. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  REQUEST_INVALID: 400,
  ROUTE_UNKNOWN: 404,
  STUDY_UNKNOWN: 404,
  SIGN_IN_REQUIRED: 401,
  NOT_ALLOWED: 403,
  CROSS_SITE_REFUSED: 403,
  HOST_REFUSED: 403,
  PIXEL_DATA_UNDECODABLE: 422,
  ANALYSED_PIXELS_GONE: 410,
  OBJECT_MISSING: 410,
};

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  /** Not `no-referrer`: browsers would then hide the origin of our own forms, by which they are told from others'. */
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** A request must have arrived whole, and its answer be there, within these times; streams of events have their own end. */
const [REQUEST_TIMEOUT_MS, ANSWER_TIMEOUT_MS] = [30_000, 60_000];

/** Every route; errors are `{code, message}`. */
export function buildApp(parts: AppParts): FastifyInstance {
  const trusted = parts.config.trustedProxies;
  const app = fastify({
    forceCloseConnections: true,
    trustProxy: trusted.length > 0 && [...trusted],
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: ANSWER_TIMEOUT_MS,
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.headers(HEADERS);
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  answerErrors(app, parts.log);
  addSignIn(app, parts);
  addHealth(app, parts);
  addApi(app, parts);
  addPages(app, parts);
  return app;
}

function addHealth(app: FastifyInstance, { checks, config, database }: AppParts): void {
  app.get('/healthz', async () => ({ service: 'ichor', alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const answer = await readiness(checks);
    return reply.code(answer.ready ? 200 : 503).send(answer);
  });
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await renderMetrics();
    return reply.type(contentType).send(text + (await stateMetrics(database, config)));
  });
}

function addApi(app: FastifyInstance, { database, events }: AppParts): void {
  app.get('/api/studies', async (request) => {
    const findings = (await listTargets(database)).flatMap(classNames);
    const { studies, next } = await listStudies(database, {
      ...parseStudyQuery(request.query, findings),
      searchPatients: maySeePatients(request),
    });
    await audit(request, 'list-viewed', null);
    return { studies: await withPatients(request, studies), next: next === null ? null : encodeCursor(next) };
  });
  app.get<{ Params: { uid: string } }>('/api/studies/:uid', async (request): Promise<StudyView> => {
    const study = await findStudy(database, request.params.uid);
    await audit(request, 'study-viewed', study.studyInstanceUid);
    return (await withPatients(request, [study]))[0]!;
  });
  const schemas = async () => jsonSchemas(await listTargets(database));
  app.get('/api/schema', async (_request, reply) =>
    reply.type('application/schema+json').send(JSON.stringify((await schemas()).study)),
  );
  app.get('/api/schema/detail', async (_request, reply) =>
    reply.type('application/schema+json').send(JSON.stringify((await schemas()).detail)),
  );
  app.get('/api/incidents', async (request) => ({
    incidents: await listIncidents(database, parseIncidentQuery(request.query)),
  }));
  app.get('/api/events', (request, reply) => {
    reply.hijack();
    events.add(reply.raw, maySeePatients(request));
  });
}

/** A sentence for each of the first problems. */
const problemsOf = ({ issues }: z.ZodError): string =>
  issues
    .slice(0, 3)
    .map(({ path, message }) => [...path.slice(0, 1), message].join(': '))
    .join('; ');

function answerErrors(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request) => {
    throw new IchorError('ROUTE_UNKNOWN', { method: request.method, path: request.url.split('?')[0]! });
  });
  app.setErrorHandler((thrown, _request, reply) => {
    const error = asHttpError(thrown);
    const status = STATUS[error.code] ?? (error.retryable ? 503 : 500);
    if (status >= 500 && !isCalledOff(thrown, reply))
      log.event('http.failed', { code: error.code, reason: error.message });
    return reply.code(status).send({ code: error.code, message: error.message });
  });
}

/** A picture whose client has gone away: nothing failed, and nobody waits for the answer. */
const isCalledOff = (thrown: unknown, { raw }: FastifyReply): boolean =>
  raw.destroyed && (thrown as { name?: string }).name === 'AbortError';

/** Fastify's own 4xx (a malformed URL), a body that is not what a route takes, and PostgreSQL's class 22 (a number out of range) are the client's fault. */
function asHttpError(thrown: unknown): IchorError {
  if (thrown instanceof z.ZodError) return new IchorError('REQUEST_INVALID', { reason: problemsOf(thrown) });
  const { statusCode, code } = thrown as { statusCode?: number; code?: string };
  const clientsFault = (statusCode ?? 500) < 500 || /^22/.test(code ?? '');
  return clientsFault ? new IchorError('REQUEST_INVALID', { reason: reasonOf(thrown) }) : asIchorError(thrown);
}
