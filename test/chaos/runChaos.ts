/** A round of chaos: studies are sent while one disturbance follows the other; then everything is counted. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '@ichor/shared/random';
import pg from 'pg';
import { isAlive } from '../support/postgres.ts';
import { openWorkFolder } from '../support/workFolder.ts';
import { type Dice, disturbancesOf } from './disturbances.ts';
import { type SentStudy, scan } from './scanner.ts';
import { openSite, ROLES, type Role, type Site } from './site.ts';
import { type Query, studyRows } from './studyRows.ts';
import { verdict } from './verdict.ts';

export type ChaosOptions = {
  readonly seed: number;
  /** Ends with so many processes killed by SIGKILL, or after so long, whichever comes first. */
  readonly kills: number;
  readonly minutes: number;
  /** On Redis and PostgreSQL; else on the embedded database. */
  readonly external: boolean;
  readonly print: (line: string) => void;
};
export type ChaosReport = {
  /** What went wrong, each in a sentence. */
  readonly findings: readonly string[];
  /** How often each disturbance came. */
  readonly disturbances: ReadonlyMap<string, number>;
  readonly studies: number;
  readonly brokenOff: number;
  readonly acknowledged: number;
  /** Final states of the studies, and revisions in all. */
  readonly states: Readonly<Record<string, number>>;
  readonly revisions: number;
  readonly seconds: number;
};

/** Nobody's processes and no file system are left behind. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const SCANNERS = 2;
const PAUSE_MS = [200, 1_200] as const;
const PROGRESS_EVERY_MS = 15_000;
/** Studies that nothing happened to for so long will not be through any more. */
const SETTLES_WITHIN_MS = 180_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const started = performance.now();
  const [site, folder] = [await openSite(options.external), await openWorkFolder('scanner')];
  const sent: SentStudy[] = [];
  const findings: string[] = [];
  const round = { over: false };
  const dice = seededRandom(options.seed);
  const interrupted = (): void => void Promise.all([site.stop(), folder.remove()]).finally(() => process.exit(130));
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const scanners = Array.from({ length: SCANNERS }, (_, index) => {
      const scanner = {
        folder: folder.path,
        port: site.dicomPort,
        dice: dice.fork(),
        salt: `${options.seed}-${index}`,
      };
      return keepScanning(scanner, sent, round).catch((error: Error) => void findings.push(error.message));
    });
    const disturbances = await disturb(site, dice.fork(), options, sent, findings).finally(() => {
      round.over = true;
    });
    await Promise.all(scanners);
    const query = await openQuery(site);
    options.print('no more disturbances; waiting for every study to be through');
    await untilSettled(query);
    findings.push(...(await verdict(site, sent, query)));
    const rows = await studyRows(query);
    return {
      findings,
      disturbances,
      studies: sent.length,
      brokenOff: sent.filter(({ whole }) => !whole).length,
      acknowledged: sent.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0),
      states: Object.fromEntries([...Map.groupBy(rows, ({ state }) => state)].map(([state, of]) => [state, of.length])),
      revisions: rows.reduce((sum, { states }) => sum + states.length, 0),
      seconds: Math.round((performance.now() - started) / 1000),
    };
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted);
    await site.stop();
    await folder.remove();
  }
}

async function keepScanning(
  scanner: Parameters<typeof scan>[0],
  sent: SentStudy[],
  round: { over: boolean },
): Promise<void> {
  const own: SentStudy[] = [];
  while (!round.over) {
    const before = own.length;
    await scan(scanner, own).finally(() => sent.push(...own.slice(before)));
    await pause(scanner.dice.between(1_000, 6_000));
  }
}

/** One after the other. @returns how often each came */
async function disturb(
  site: Site,
  dice: Dice,
  { kills: wantedKills, minutes, print }: ChaosOptions,
  sent: readonly SentStudy[],
  findings: string[],
): Promise<ReadonlyMap<string, number>> {
  const down = new Set<Role>();
  const possible = disturbancesOf(site, down);
  const counts = new Map<string, number>();
  const until = performance.now() + minutes * 60_000;
  let [kills, shownAt] = [0, 0];
  while (kills < wantedKills && performance.now() < until) {
    await pause(dice.between(...PAUSE_MS));
    replaceEnded(site, down, findings);
    const { name, kills: isKill, lastsMs, begin, end } = dice.pick(possible);
    try {
      await begin();
      await pause(dice.between(...lastsMs));
    } finally {
      await end();
    }
    if (isKill) kills++;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (performance.now() - shownAt > PROGRESS_EVERY_MS) {
      shownAt = performance.now();
      const acknowledged = sent.reduce((sum, study) => sum + study.acknowledged.size, 0);
      print(
        `${kills} of ${wantedKills} kills, the last: ${name}; ${sent.length} studies, ${acknowledged} instances acknowledged`,
      );
    }
  }
  replaceEnded(site, down, findings);
  return counts;
}

/** A role ends by itself only where it could not start: that is told, and it is started again as a supervisor would. */
function replaceEnded(site: Site, down: ReadonlySet<Role>, findings: string[]): void {
  for (const role of ROLES) {
    if (down.has(role) || isAlive(site.role(role).pid)) continue;
    const said = site.role(role).output().trim().split('\n').slice(-3).join('\n');
    if (!/The (database|queue) does not answer/.test(said)) findings.push(`${role} ended by itself:\n${said}`);
    site.start(role);
  }
}

async function openQuery(site: Site): Promise<Query> {
  const connectionString = site.databaseUrl ?? (await embeddedUrl(site.dataDir));
  return async (text) => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    return client
      .query(text)
      .then(({ rows }) => rows)
      .finally(() => client.end());
  };
}

async function embeddedUrl(dataDir: string): Promise<string> {
  const [password, port] = await Promise.all(
    ['postgres.password', 'postgres.port'].map((name) => readFile(join(dataDir, name), 'utf8')),
  );
  return `postgres://ichor:${password!.trim()}@127.0.0.1:${port!.trim()}/postgres`;
}

/** Until all are through, or nothing changes any more. */
async function untilSettled(query: Query): Promise<void> {
  let [last, since] = ['', performance.now()];
  while (performance.now() - since < SETTLES_WITHIN_MS) {
    const rows = await studyRows(query).catch(() => null);
    if (rows?.every(({ problem }) => problem === null)) return;
    const now = JSON.stringify(rows);
    if (now !== last) [last, since] = [now, performance.now()];
    await pause(1_000);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
