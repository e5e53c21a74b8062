/**
 * Which associations send CT slices, and which of them were released, as files beside the spool: known before the database knows, and
 * after a kill (docs/adr/0015).
 *
 *   ID.open      written before the first instance of a series is stored: when it was opened, then STUDY SERIES, a line each
 *   ID.released  the same file from the release on
 *   (removed)    the database knows the end
 *
 * A file that a process leaves behind tells the next one how its association ended: released, or broken off.
 */
import { renameSync } from 'node:fs';
import { mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

export type TransferJournal = {
  /** Returns once it is durable. Never throws: where nothing can be written, the instance cannot be stored either. */
  began(
    transfer: { readonly transferId: string; readonly openedAtMs: number },
    study: string,
    series: string,
  ): Promise<void>;
  /** At once: the release is answered next. */
  released(transferId: string): void;
  /** The database knows its end. Never throws. */
  settled(transferId: string): Promise<void>;
  /** What processes that ended have left. Times are those of `performance.now()`. */
  leftOver(): Promise<LeftOver[]>;
};

export type LeftOver = {
  readonly transferId: string;
  readonly released: boolean;
  readonly openedAtMs: number;
  readonly series: ReadonlyMap<string, string>;
};

/** @param folder is made when it is needed */
export function openTransferJournal(folder: string): TransferJournal {
  const own = new Map<string, Map<string, Promise<void>>>();
  const path = (transferId: string, state: 'open' | 'released'): string => join(folder, `${transferId}.${state}`);
  return {
    began({ transferId, openedAtMs }, study, series) {
      const known = own.get(transferId) ?? new Map<string, Promise<void>>();
      own.set(transferId, known);
      const line = `${known.size === 0 ? `${Math.round(epochOf(openedAtMs))}\n` : ''}${study} ${series}\n`;
      const last = [...known.values()].at(-1) ?? mkdir(folder, { recursive: true, mode: 0o700 });
      const noted =
        known.get(series) ?? last.then(() => append(folder, path(transferId, 'open'), line)).catch(() => {});
      known.set(series, noted);
      return noted;
    },
    released(transferId) {
      if (own.has(transferId)) quietly(() => renameSync(path(transferId, 'open'), path(transferId, 'released')));
    },
    async settled(transferId) {
      await Promise.all([...(own.get(transferId)?.values() ?? [])]);
      own.delete(transferId);
      for (const state of ['open', 'released'] as const) await unlink(path(transferId, state)).catch(() => {});
    },
    async leftOver() {
      const names = await readdir(folder).catch(() => []);
      const found = await Promise.all(names.map((name) => readLeftOver(folder, name)));
      return found.filter((one): one is LeftOver => one !== null && !own.has(one.transferId));
    },
  };
}

async function append(folder: string, path: string, line: string): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.writeFile(line);
    await file.datasync();
  } finally {
    await file.close();
  }
  const parent = await open(folder, 'r');
  await parent.sync().finally(() => parent.close());
}

async function readLeftOver(folder: string, name: string): Promise<LeftOver | null> {
  try {
    const path = join(folder, name);
    const [opened = '', ...lines] = (await readFile(path, 'utf8')).trim().split('\n');
    const series = lines.map((line) => line.split(' ').reverse() as [string, string]);
    return {
      transferId: basename(name, extname(name)),
      released: extname(name) === '.released',
      openedAtMs: Number(opened) - epochOf(0),
      series: new Map(series),
    };
  } catch {
    return null;
  }
}

/** ms since 1970 of a time of `performance.now()`, by the clock of this machine. */
const epochOf = (atMs: number): number => Date.now() - performance.now() + atMs;

function quietly(work: () => void): void {
  try {
    work();
  } catch {}
}
