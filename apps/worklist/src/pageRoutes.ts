/** ★ The pages and what only they ask for: assets, pictures, details, feedback, re-send, figures. */
import type { Config, Database } from '@ichor/shared';
import { IchorError } from '@ichor/shared';
import { countDeadNotifications } from '@ichor/worker';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { loadAssets, shellOf } from './assets.ts';
import { allow, audit } from './auth/signIn.ts';
import { addFeedback, Verdict } from './feedback.ts';
import { figures, parseRange } from './figures.ts';
import { heatmapImage, sliceImage, thumbnail, WINDOWS, type WindowName } from './images.ts';
import { addNotifications, type NotificationParts } from './notificationRoutes.ts';
import { studyDetail } from './studyDetail.ts';

export type PageParts = {
  readonly config: Pick<Config, 'dataDir' | 'viewerUrl'>;
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
  addStudyRoutes(app, parts);
  addPictures(app, parts);
  addNotifications(app, parts);
  app.get('/api/figures', async (request) => figures(parts.database, parseRange(request.query)));
  app.get('/api/me', async ({ user }) => ({
    name: user?.displayName ?? null,
    role: user?.role ?? null,
    kind: user?.kind ?? null,
    deadNotifications: user?.role === 'administrator' ? await countDeadNotifications(parts.database) : null,
  }));
}

function addStudyRoutes(app: FastifyInstance, { config, database, resend }: PageParts): void {
  const source = { database, dataDir: config.dataDir };
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

function addPictures(app: FastifyInstance, { config, database }: PageParts): void {
  const source = { database, dataDir: config.dataDir };
  const send = (reply: FastifyReply, png: Buffer) => reply.type('image/png').send(png);
  app.get<OfSlice>('/api/studies/:uid/slices/:name', async (request, reply) => {
    const { window = 'brain' } = request.query;
    if (!Object.hasOwn(WINDOWS, window))
      throw new IchorError('REQUEST_INVALID', { reason: `window must be one of ${Object.keys(WINDOWS).join(', ')}` });
    await audit(request, 'study-viewed', request.params.uid);
    return send(
      reply,
      await sliceImage(source, request.params.uid, numberOf(request.params.name), window as WindowName),
    );
  });
  app.get<OfSlice>('/api/studies/:uid/heatmaps/:name', async (request, reply) => {
    await audit(request, 'study-viewed', request.params.uid);
    return send(reply, await heatmapImage(source, request.params.uid, numberOf(request.params.name)));
  });
  app.get<OfStudy>('/api/studies/:uid/thumbnail.png', async (request, reply) => {
    const png = await thumbnail(source, request.params.uid);
    return png === null ? reply.code(204).send() : send(reply, png);
  });
}

/** `12.png` → 12 */
function numberOf(name: string): number {
  const [, digits] = /^(\d{1,5})\.png$/.exec(name) ?? [];
  if (digits === undefined) throw new IchorError('REQUEST_INVALID', { reason: 'a picture is named NUMBER.png' });
  return Number(digits);
}
