/** ★ The pages and what only they ask for: assets, pictures, details, feedback, re-send, figures. */

import { allow, audit } from '@ichor/accounts/signIn';
import { openDecoder } from '@ichor/analysis/decoding/decoder';
import type { Config } from '@ichor/settings/config';
import { IchorError } from '@ichor/shared/errors';
import { objectStore, spoolStore } from '@ichor/store/files/openStores';
import type { Database } from '@ichor/store/postgres/database';
import { addFeedback } from '@ichor/store/rows/feedback';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { loadAssets, shellOf } from './assets.ts';
import { Verdict } from './feedback.ts';
import { figures, parseRange } from './figures.ts';
import { heatmapImage, layerImage, type Picture, thumbnail } from './images.ts';
import { addNotifications, deadNotifications, type NotificationParts } from './notificationRoutes.ts';
import { sliceImage, WINDOWS, type WindowName } from './sliceImages.ts';
import { studyDetail } from './studyDetail.ts';

export type PageParts = {
  readonly config: Pick<Config, 'dataDir' | 'storeUrl' | 'viewerUrl' | 'sliceDecodeTimeoutMs'>;
  readonly database: Database;
  /** Makes dead deliveries of a study pending again. @returns how many */
  readonly resend?: (studyInstanceUid: string) => Promise<number>;
} & NotificationParts;
type OfStudy = { Params: { uid: string } };
type OfSlice = { Params: { uid: string; name: string }; Querystring: { window?: string } };

export function addPages(app: FastifyInstance, parts: PageParts): void {
  const assets = loadAssets();
  const document = shellOf(assets);
  const shell = (reply: FastifyReply) => reply.type('text/html; charset=utf-8').send(document);
  app.get('/', async (_request, reply) => shell(reply));
  app.get('/figures', async (_request, reply) => shell(reply));
  app.get('/notifications', async (_request, reply) => shell(reply));
  app.get('/studies/:uid', async (_request, reply) => shell(reply));
  for (const [path, { type, text }] of assets)
    app.get(path, async (_request, reply) => reply.type(`${type}; charset=utf-8`).send(text));
  /** Browsers ask for it where nothing names an icon: beside JSON. */
  app.get('/favicon.ico', async (_request, reply) => reply.redirect('/assets/icon.svg'));
  addStudyRoutes(app, parts);
  addPictures(app, parts);
  addNotifications(app, parts);
  app.get('/api/figures', async (request) => figures(parts.database, parseRange(request.query)));
  app.get('/api/me', async ({ user }) => ({
    name: user?.displayName ?? null,
    role: user?.role ?? null,
    kind: user?.kind ?? null,
    deadNotifications: user?.role === 'administrator' ? await deadNotifications(parts.database) : null,
  }));
}

function addStudyRoutes(app: FastifyInstance, { config, database, resend }: PageParts): void {
  const source = { database, objects: objectStore(config) };
  app.get<OfStudy>('/api/studies/:uid/detail', async (request) => {
    const detail = await studyDetail(source, request.params.uid, config.viewerUrl);
    await audit(request, 'study-viewed', request.params.uid);
    return detail;
  });
  const readers = { preHandler: allow('radiologist', 'administrator') };
  app.post<OfStudy>('/api/studies/:uid/feedback', readers, async (request, reply) => {
    const given = Verdict.safeParse(request.body);
    if (!given.success) throw new IchorError('REQUEST_INVALID', { reason: given.error.issues[0]?.message ?? 'body' });
    await addFeedback(database, request.params.uid, given.data, request.user!);
    await audit(request, 'feedback', request.params.uid, `${given.data.finding}: ${given.data.verdict}`);
    return reply.code(201).send({ stored: true });
  });
  app.post<OfStudy>('/api/studies/:uid/resend', readers, async (request) => {
    const count = (await resend?.(request.params.uid)) ?? 0;
    await audit(request, 'resend', request.params.uid, `${count} objects`);
    return { resent: count };
  });
}

/** Slices that are decoded at once for all pages together, and that may wait for it. */
const [DECODED_AT_ONCE, MOST_WAITING] = [2, 64];

function addPictures(app: FastifyInstance, { config, database }: PageParts): void {
  const decoder = openDecoder({
    ...config,
    files: spoolStore(config),
    processes: DECODED_AT_ONCE,
    mostWaiting: MOST_WAITING,
  });
  app.addHook('onClose', async () => decoder.close());
  const source = { database, objects: objectStore(config), decode: decoder.decode, undecodable: new Map() };
  app.get<OfSlice>('/api/studies/:uid/slices/:name', async (request, reply) => {
    const { window = 'brain' } = request.query;
    if (!Object.hasOwn(WINDOWS, window))
      throw new IchorError('REQUEST_INVALID', { reason: `window must be one of ${Object.keys(WINDOWS).join(', ')}` });
    await audit(request, 'study-viewed', request.params.uid);
    const number = numberOf(request.params.name);
    return show(request, reply, await sliceImage(source, request.params.uid, number, window as WindowName));
  });
  app.get<OfSlice>('/api/studies/:uid/heatmaps/:name', async (request, reply) => {
    await audit(request, 'study-viewed', request.params.uid);
    return show(request, reply, await heatmapImage(source, request.params.uid, numberOf(request.params.name)));
  });
  app.get<OfSlice>('/api/studies/:uid/layers/:name', async (request, reply) => {
    await audit(request, 'study-viewed', request.params.uid);
    return show(request, reply, await layerImage(source, request.params.uid, numberOf(request.params.name)));
  });
  app.get<OfStudy>('/api/studies/:uid/thumbnail.png', async (request, reply) => {
    const small = await thumbnail(source, request.params.uid);
    return small === null ? reply.code(204).send() : show(request, reply, small);
  });
}

/**
 * The picture, or 304 to a browser that has it. It asks each time it shows one (RFC 9111 §5.2.2.4): who may not see it any more
 * gets nothing, and who sees it is in the audit trail.
 */
async function show(request: FastifyRequest, reply: FastifyReply, { etag, draw }: Picture) {
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  const png = known.includes(etag) ? null : await draw(untilHangUp(reply));
  reply.headers({ etag, 'cache-control': 'private, no-cache' });
  return png === null ? reply.code(304).send() : reply.type('image/png').send(png);
}

/** Aborts when the client goes away before it has its answer. */
function untilHangUp({ raw }: FastifyReply): AbortSignal {
  const hangUp = new AbortController();
  if (raw.destroyed) hangUp.abort();
  raw.once('close', () => {
    if (!raw.writableFinished) hangUp.abort();
  });
  return hangUp.signal;
}

/** `12.png` → 12 */
function numberOf(name: string): number {
  const [, digits] = /^(\d{1,5})\.png$/.exec(name) ?? [];
  if (digits === undefined) throw new IchorError('REQUEST_INVALID', { reason: 'a picture is named NUMBER.png' });
  return Number(digits);
}
