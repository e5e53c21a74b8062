/** A site to be disturbed: every role as a process, on Redis and PostgreSQL or on the embedded database, and storescp as PACS. */
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, type IchorProcess, startIchor, untilReady } from '../support/ichor.ts';
import { requirePeer } from '../support/peers.ts';
import { killServer, startPostgres } from '../support/postgres.ts';
import { type Program, startProgram } from '../support/processes.ts';
import { startRedis } from '../support/redis.ts';
import { openWorkFolder } from '../support/workFolder.ts';
import { type CuttingProxy, startCuttingProxy } from './cuttingProxy.ts';
import { openWire, type Wire } from './wire.ts';

export const ROLES = ['receiver', 'worker-1', 'worker-2', 'worklist'] as const;
export type Role = (typeof ROLES)[number];
/** A server that can be killed and started again on the same port with the same data. */
export type Server = { kill(): Promise<void>; restart(): Promise<void> };

export type Site = {
  /** On Redis and PostgreSQL; else on the embedded database, for queues too. */
  readonly external: boolean;
  readonly dataDir: string;
  /** Where the PACS keeps what it got. */
  readonly pacsDir: string;
  /** Port of the receiver, as the scanner sees it: what passes is noted in `wire`. */
  readonly dicomPort: number;
  readonly wire: Wire;
  readonly role: (role: Role) => IchorProcess;
  /** Ends a role with SIGKILL. */
  kill(role: Role): Promise<void>;
  /** @param env settings beside the usual ones */
  start(role: Role, env?: Readonly<Record<string, string>>): void;
  readonly database: Server;
  readonly redis: Server | null;
  readonly pacs: Server;
  /** The network between the roles and a server. */
  readonly network: {
    readonly database: CuttingProxy | null;
    readonly redis: CuttingProxy | null;
    readonly pacs: CuttingProxy;
  };
  /** Whether the data folder is a small file system of its own. */
  readonly smallDisk: boolean;
  /** Around the proxy; null: the embedded server. */
  readonly databaseUrl: string | null;
  stop(): Promise<void>;
};

const SMALL_DISK_MEGABYTES = 768;
const AE_TITLE = 'HOSPPACS';

export async function openSite(external: boolean): Promise<Site> {
  const folder = await openWorkFolder('chaos');
  const [dataDir, pacsDir] = [join(folder.path, 'data'), join(folder.path, 'pacs')];
  await mkdir(pacsDir);
  await mkdir(dataDir);
  // The embedded server runs as another user, who must own what it writes; its own full disk is another matter.
  const smallDisk = external && mountSmallDisk(dataDir);
  const [dicomPort, httpPort, pacsPort] = [await freePort(), await freePort(), await freePort()];
  const stores = external ? await openStores() : null;
  const pacs = await startPacs(pacsPort, pacsDir);
  const [wire, pacsNetwork] = [await openWire(dicomPort), await startCuttingProxy(pacsPort)];
  const settings = {
    ICHOR_DATA_DIR: dataDir,
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_DESTINATIONS: `${AE_TITLE}@127.0.0.1:${pacsNetwork.port}`,
    ICHOR_DISK_FLOOR_BYTES: '0',
    ICHOR_LOG_LEVEL: 'warn',
    ...stores?.settings,
    ...CHAOS_SETTINGS,
  };
  const running = new Map<Role, IchorProcess>();
  const start: Site['start'] = (role, env = {}) =>
    void running.set(role, startIchor([role.replace(/-\d$/, '')], { ...settings, ...env }));
  for (const role of ROLES) start(role);
  await untilReady(httpPort, 120_000);
  return {
    external,
    dataDir,
    pacsDir,
    dicomPort: wire.port,
    wire,
    role: (role) => running.get(role)!,
    kill: async (role) => void (await running.get(role)!.stop('SIGKILL')),
    start,
    database: stores?.database ?? embeddedServer(join(dataDir, 'postgres')),
    redis: stores?.redis ?? null,
    pacs,
    network: { ...(stores?.network ?? { database: null, redis: null }), pacs: pacsNetwork },
    smallDisk,
    databaseUrl: stores?.databaseUrl ?? null,
    async stop() {
      for (const role of running.values()) await role.stop();
      for (const network of [wire, pacsNetwork]) network.close();
      await pacs.kill();
      await stores?.stop();
      if (smallDisk) spawnSync('umount', ['-l', dataDir]);
      await folder.remove();
    },
  };
}

/** Shorter than a site's, so that a round shows many studies to their end. */
const CHAOS_SETTINGS = {
  ICHOR_QUIET_PERIOD_MS: '3000',
  ICHOR_MAX_AGE_MS: '60000',
  ICHOR_DELIVERY_BACKOFF_MS: '500',
  ICHOR_DELIVERY_TIMEOUT_MS: '10000',
  ICHOR_INFERENCE_THREADS: '1',
  ICHOR_HEATMAPS: 'off',
};

/** As root; elsewhere a full disk is played with the floor. */
function mountSmallDisk(folder: string): boolean {
  const options = `size=${SMALL_DISK_MEGABYTES}m,mode=755`;
  return process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0;
}

async function openStores() {
  const [postgres, redis] = [await startPostgres(), await startRedis()];
  const network = {
    database: await startCuttingProxy(Number(new URL(postgres.url).port)),
    redis: await startCuttingProxy(Number(new URL(redis.url).port)),
  };
  const through = (url: string, { port }: CuttingProxy): string => {
    const changed = new URL(url);
    changed.port = String(port);
    return changed.href;
  };
  return {
    settings: {
      ICHOR_DATABASE_URL: through(postgres.url, network.database),
      ICHOR_QUEUE_URL: through(redis.url, network.redis),
    },
    databaseUrl: postgres.url,
    database: postgres,
    redis,
    network,
    async stop() {
      for (const proxy of Object.values(network)) proxy.close();
      await redis.stop();
      await postgres.stop();
    },
  };
}

/** The first role that notices its end starts it again. */
const embeddedServer = (folder: string): Server => ({ kill: () => killServer(folder), restart: async () => {} });

async function startPacs(port: number, folder: string): Promise<Server> {
  const start = (): Program =>
    startProgram(requirePeer('storescp'), ['-aet', AE_TITLE, '-od', folder, String(port)], {
      env: { ...process.env, TCP_NODELAY: '1' },
    });
  let server = start();
  return {
    kill: () => server.kill('SIGKILL'),
    async restart() {
      server = start();
    },
  };
}
