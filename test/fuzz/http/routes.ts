/** Every route of the worklist, as the server itself lists them. */

import { loadConfig } from '@ichor/settings/config';
import type { Database } from '@ichor/store/postgres/database';
import { buildApp } from '@ichor/worklist/app';
import { openEventStream } from '@ichor/worklist/eventStream';
import { silentLog } from '../../support/postgres.ts';

export type Route = { readonly method: string; readonly path: string };

export async function routesOf(database: Database): Promise<Route[]> {
  const parts = { config: loadConfig({}), database, log: silentLog, events: openEventStream() };
  const app = buildApp({ ...parts, checks: {} as never });
  await app.ready();
  const tree = app.printRoutes({ commonPrefix: false });
  parts.events.close();
  await app.close();
  return routesIn(tree);
}

/** Lines like `│   └── /:uid (GET, HEAD)`: what is further in continues the path of what stands above it. */
function routesIn(tree: string): Route[] {
  const above: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent, segment, methods] = /^(.*?)[├└]── (\S+) \((.+)\)$/.exec(line) ?? [];
    if (indent === undefined || segment === undefined || methods === undefined) return [];
    const depth = indent.length / 4;
    const path = `${depth === 0 ? '' : above[depth - 1]}${segment}`;
    above[depth] = path;
    return methods.split(', ').map((method) => ({ method, path }));
  });
}
