/** Where a demo keeps its things, fresh each time. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export type DemoFolder = {
  readonly path: string;
  /** Ichor's own data: spool, embedded database, derived objects. */
  readonly data: string;
  /** What the PACS has received. */
  readonly pacs: string;
  readonly phantoms: string;
  readonly log: string;
  /** Releases the folder; the next demo may begin afresh in it. */
  close(): void;
};

/** @param wanted usually `./data/demo`; another one if a demo runs there, or PostgreSQL could not reach it */
export function openDemoFolder(wanted: string): DemoFolder {
  const base = reachableByPostgres(resolve(wanted)) ? resolve(wanted) : join(tmpdir(), 'ichor-demo');
  const path = firstUnused(base);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const pid = join(path, 'demo.pid');
  writeFileSync(pid, String(process.pid));
  return {
    path,
    data: join(path, 'ichor'),
    pacs: join(path, 'pacs'),
    phantoms: join(path, 'phantoms'),
    log: join(path, 'ichor.log'),
    close: () => rmSync(pid, { force: true }),
  };
}

/** Root cannot run PostgreSQL: it runs as another user, who must be able to enter every folder above its data. */
function reachableByPostgres(path: string): boolean {
  if (process.getuid?.() !== 0) return true;
  const enterable = !existsSync(path) || (statSync(path).mode & 0o001) !== 0;
  return enterable && (dirname(path) === path || reachableByPostgres(dirname(path)));
}

function firstUnused(base: string): string {
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`;
    if (!inUse(join(path, 'demo.pid')) && !inUse(join(path, 'ichor', 'postgres', 'postmaster.pid'))) return path;
  }
}

/** Whether the process named on the first line of a pid file lives: a demo, or the database that a killed one left. */
function inUse(pidFile: string): boolean {
  if (!existsSync(pidFile)) return false;
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
