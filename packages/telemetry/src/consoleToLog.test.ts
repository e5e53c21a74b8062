import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { consoleToLog, libraryIn } from './consoleToLog.ts';
import type { Log } from './log.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

/** A package that prints by `target` what it is given. */
async function printingPackage(name: string): Promise<(target: unknown, text: string) => void> {
  const folder = await mkdtemp(join(tmpdir(), 'ichor-console-'));
  folders.push(folder);
  const path = join(folder, 'node_modules', name);
  await mkdir(path, { recursive: true });
  await writeFile(
    join(path, 'index.cjs'),
    'module.exports = (target, text) => { target.warn(text); target.log("%s", text); };',
  );
  return createRequire(import.meta.url)(join(path, 'index.cjs'));
}

function recorded() {
  const events: unknown[] = [];
  const printed: unknown[] = [];
  const log: Log = { event: (name, fields) => void events.push([name, fields]) };
  const write = (...said: unknown[]): void => void printed.push(said);
  const target = { debug: write, dir: write, error: write, info: write, log: write, trace: write, warn: write };
  return { events, printed, log, target };
}

test('a library that prints is named in the log, and what it prints, which may be a patient, is not', async () => {
  const { events, printed, log, target } = recorded();
  const giveBack = consoleToLog(log, target);
  (await printingPackage('chatty'))(target, 'Doe^Jane');
  expect(printed).toEqual([]);
  expect(events).toEqual([
    ['library.printed', { library: 'chatty', method: 'warn' }],
    ['library.printed', { library: 'chatty', method: 'log' }],
  ]);
  giveBack();
  target.log('again');
  expect(printed).toEqual([['again']]);
});

test('what the queue warns of is told in its words', async () => {
  const { events, log, target } = recorded();
  consoleToLog(log, target);
  (await printingPackage('bullmq'))(target, 'Eviction policy is allkeys-lru');
  expect(events[1]).toEqual([
    'library.printed',
    { library: 'bullmq', method: 'log', reason: 'Eviction policy is allkeys-lru' },
  ]);
});

test('a package of an organisation has both its names', () => {
  expect(libraryIn('at x (/a/node_modules/@cornerstonejs/codec-charls/dist/x.js:1:1)')).toBe(
    '@cornerstonejs/codec-charls',
  );
  expect(libraryIn('at x (C:\\a\\node_modules\\dcmjs\\x.js:1:1)')).toBe('dcmjs');
  expect(libraryIn('at x (/a/b.js:1:1)')).toBe('unknown');
});
