/** What a site can suffer. Each begins, lasts a while, and ends: what was killed is started again, as a supervisor would. */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { seededRandom } from '@ichor/shared/random';
import type { CuttingProxy } from './cuttingProxy.ts';
import { ROLES, type Role, type Server, type Site } from './site.ts';

export type Dice = ReturnType<typeof seededRandom>;
export type Disturbance = {
  readonly name: string;
  /** Whether a process dies by SIGKILL. */
  readonly kills: boolean;
  /** Shortest and longest. */
  readonly lastsMs: readonly [number, number];
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
};

/** Each as often as it is to come beside the others; a role that it takes down is told in `down`. */
export function disturbancesOf(site: Site, down: Set<Role>): Disturbance[] {
  const killed = ROLES.map((role) => killedRole(site, role, down));
  const { database, redis, pacs } = site.network;
  return [
    ...killed,
    ...killed,
    ...killed.filter(({ name }) => name !== 'worklist killed'),
    ...killed.filter(({ name }) => name === 'receiver killed'),
    ...ROLES.filter((role) => role !== 'worklist').map((role) => pausedRole(site, role)),
    killedServer('database', site.database),
    killedServer('database', site.database),
    killedServer('PACS', site.pacs),
    ...(site.redis === null ? [] : [killedServer('Redis', site.redis)]),
    ...troubled('database', database),
    ...troubled('Redis', redis),
    ...troubled('PACS', pacs),
    site.smallDisk ? fullDisk(site) : refusingDisk(site, down),
  ];
}

function killedRole(site: Site, role: Role, down: Set<Role>): Disturbance {
  return {
    name: `${role} killed`,
    kills: true,
    lastsMs: [0, 1_500],
    async begin() {
      down.add(role);
      await site.kill(role);
    },
    async end() {
      site.start(role);
      down.delete(role);
    },
  };
}

/** Its children go on: what they say waits for it. */
function pausedRole(site: Site, role: Role): Disturbance {
  const signal = (name: NodeJS.Signals) => async () => void process.kill(site.role(role).pid, name);
  return {
    name: `${role} paused`,
    kills: false,
    lastsMs: [500, 6_000],
    begin: signal('SIGSTOP'),
    end: signal('SIGCONT'),
  };
}

const killedServer = (name: string, server: Server): Disturbance => ({
  name: `${name} killed`,
  kills: true,
  lastsMs: [0, 3_000],
  begin: () => server.kill(),
  end: () => server.restart(),
});

function troubled(name: string, network: CuttingProxy | null): Disturbance[] {
  if (network === null) return [];
  const of = (what: string, begin: () => void): Disturbance => ({
    name: `${name} ${what}`,
    kills: false,
    lastsMs: [500, 9_000],
    begin: async () => begin(),
    end: async () => network.heal(),
  });
  return [of('cut off', network.cut), of('silent', network.silence)];
}

/** Every byte that is left is taken. */
function fullDisk({ dataDir }: Site): Disturbance {
  const filler = join(dataDir, 'filler');
  return {
    name: 'disk full',
    kills: false,
    lastsMs: [500, 4_000],
    async begin() {
      const file = await open(filler, 'w');
      try {
        for (let size = 1 << 22; size >= 1 << 12; ) await file.write(Buffer.alloc(size)).catch(() => (size /= 4));
      } finally {
        await file.close();
      }
    },
    end: () => rm(filler, { force: true }),
  };
}

/** A receiver whose floor lies above what is free. */
function refusingDisk(site: Site, down: Set<Role>): Disturbance {
  const restart = (env: Readonly<Record<string, string>>) => async () => {
    down.add('receiver');
    await site.role('receiver').stop();
    site.start('receiver', env);
    down.delete('receiver');
  };
  const floor = { ICHOR_DISK_FLOOR_BYTES: String(Number.MAX_SAFE_INTEGER) };
  return {
    name: 'disk below its floor',
    kills: false,
    lastsMs: [2_000, 8_000],
    begin: restart(floor),
    end: restart({}),
  };
}
