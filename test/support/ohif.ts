/**
 * OHIF, the viewer that radiologists open: its published build (fetched by test/prepare.ts) served with the configuration
 * that deploy/ohif ships, and a proxy of the same origin to the PACS, as deploy/ohif/nginx.conf does.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import fastify from 'fastify';

const ROOT = join(import.meta.dirname, '..', '..');
/** Where test/prepare.ts unpacks the viewer. */
export const OHIF_FOLDER = join(ROOT, 'test-output', 'peers', 'ohif', 'dist');
const CONFIGURATION_FOLDER = join(ROOT, 'deploy', 'ohif');

export type Viewer = { readonly url: string; close(): Promise<void> };

/** @param pacsUrl Orthanc's HTTP address */
export async function startViewer(pacsUrl: string, port: number): Promise<Viewer> {
  if (!existsSync(OHIF_FOLDER)) throw new Error('The viewer @ohif/app is missing. Run: node test/prepare.ts');
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyStatic, {
    root: OHIF_FOLDER,
    wildcard: false,
    index: false,
    globIgnore: ['app-config.js'],
  });
  app.get('/app-config.js', (_request, reply) => reply.sendFile('app-config.js', CONFIGURATION_FOLDER));
  for (const path of ['/dicom-web/*', '/wado']) app.get(path, (request, reply) => forward(pacsUrl, request, reply));
  app.get('/*', (_request, reply) => reply.sendFile('index.html'));
  await app.listen({ host: '127.0.0.1', port });
  return { url: `http://127.0.0.1:${port}`, close: () => app.close() };
}

type Request = { readonly url: string; readonly headers: { readonly accept?: string | undefined } };
type Reply = { code(status: number): Reply; type(type: string): Reply; send(body: Buffer): unknown };

async function forward(pacsUrl: string, request: Request, reply: Reply): Promise<unknown> {
  const answer = await fetch(pacsUrl + request.url, { headers: { accept: request.headers.accept ?? '*/*' } });
  const type = answer.headers.get('content-type') ?? 'application/octet-stream';
  return reply
    .code(answer.status)
    .type(type)
    .send(Buffer.from(await answer.arrayBuffer()));
}
