/**
 * What starting costs: CPU time (user and system) and largest memory of short commands, of the process that infers, and of a worker until it takes
 * jobs. The runs of all cases take turns, and medians are shown: a busy machine spoils single runs, not their ratios.
 * BENCH_FORMER names the folder of another version with its node_modules, which is measured beside this one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, freePort, ROOT } from '../test/support/ichor.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { startProgram } from '../test/support/processes.ts';
import { openWorkFolder } from '../test/support/workFolder.ts';

const RUNS = 15;
const PROBE = join(import.meta.dirname, 'usageProbe.cjs');

type Usage = { readonly cpuMs: number; readonly memoryMb: number };
type Case = { readonly name: string; readonly floor?: string; run(): Promise<Usage> };

export async function printStart(): Promise<void> {
  const folder = await openWorkFolder('bench-start');
  const peer = await startPeer();
  const former = process.env['BENCH_FORMER'];
  const versions = [
    await openVersion('', ROOT, folder.path),
    ...(former ? [await openVersion('former ', former, folder.path)] : []),
  ];
  try {
    const floors = [
      nodeCase('node -e 0', ['-e', '0'], folder.path),
      nodeCase(`import('dcmjs-dimse')`, ['-e', `import('dcmjs-dimse')`], folder.path),
    ];
    print(await measure([...floors, ...versions.flatMap(({ casesWith }) => casesWith(peer.address))]));
  } finally {
    await peer.stop();
    for (const version of versions) await version.close();
    await folder.remove();
  }
}

/** Every case once for its caches, then in turns. */
async function measure(cases: readonly Case[]): Promise<Map<Case, Usage>> {
  const usages = new Map(cases.map((one) => [one, [] as Usage[]]));
  for (const one of cases) await one.run();
  for (let run = 0; run < RUNS; run++) for (const one of cases) usages.get(one)!.push(await one.run());
  return new Map([...usages].map(([one, all]) => [one, medianOf(all)]));
}

function medianOf(usages: readonly Usage[]): Usage {
  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  return { cpuMs: median(usages.map(({ cpuMs }) => cpuMs)), memoryMb: median(usages.map(({ memoryMb }) => memoryMb)) };
}

function print(usages: ReadonlyMap<Case, Usage>): void {
  console.log(`\nStarting: CPU time and largest memory, medians of ${RUNS} runs that take turns`);
  const byName = new Map([...usages].map(([{ name }, usage]) => [name, usage]));
  for (const [{ name, floor }, { cpuMs, memoryMb }] of usages) {
    const ratio = floor === undefined ? '' : `   ${(cpuMs / byName.get(floor)!.cpuMs).toFixed(2)} × ${floor}`;
    console.log(
      `  ${name.padEnd(24)}  ${cpuMs.toFixed(0).padStart(5)} ms  ${memoryMb.toFixed(0).padStart(4)} MB${ratio}`,
    );
  }
}

/** A version of Ichor in a folder, with a database of its own: a worker refuses that of another one. */
async function openVersion(prefix: string, root: string, folder: string) {
  const postgres = await startPostgres();
  const launcher = join(root, 'apps', 'cli', 'bin', 'ichor');
  const child = ['packages/analysis/src/inference', 'apps/worker/src/inference']
    .map((path) => join(root, path, 'inferenceProcess.ts'))
    .find((path) => existsSync(path))!;
  const settings = {
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DATA_DIR: join(folder, `${prefix.trim()}data`),
    ICHOR_LOG_LEVEL: 'info',
  };
  const casesWith = (peer: string): Case[] => [
    { name: `${prefix}ichor --help`, floor: 'node -e 0', run: () => usageOf(launcher, ['--help'], folder) },
    {
      name: `${prefix}ichor echo`,
      floor: `import('dcmjs-dimse')`,
      run: () => usageOf(launcher, ['echo', peer], folder),
    },
    {
      name: `${prefix}inference child`,
      floor: 'node -e 0',
      run: () => usageOf(process.execPath, ['--disable-warning=ExperimentalWarning', child], folder, cacheOf(root)),
    },
    { name: `${prefix}worker start`, floor: 'node -e 0', run: () => workerUsage(launcher, settings) },
  ];
  return { casesWith, close: () => postgres.stop() };
}

/** What a launcher gives the processes that Ichor starts. */
function cacheOf(root: string): Record<string, string> {
  const cache = join(root, 'node_modules', '.cache', 'ichor');
  return existsSync(cache) ? { NODE_COMPILE_CACHE: cache } : {};
}

const nodeCase = (name: string, args: readonly string[], folder: string): Case => ({
  name,
  run: () => usageOf(process.execPath, args, folder),
});

/** Of a process that ends by itself, the child of a worker when the worker hangs up. */
async function usageOf(
  command: string,
  args: readonly string[],
  folder: string,
  env: Record<string, string> = {},
): Promise<Usage> {
  const path = join(folder, 'usage.json');
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_OPTIONS: `--require ${PROBE}`, BENCH_USAGE: path, ...env },
  });
  const ended = once(child, 'exit');
  child.disconnect();
  const [code] = await ended;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
  const { cpuUs, memoryKb } = JSON.parse(await readFile(path, 'utf8')) as { cpuUs: number; memoryKb: number };
  return { cpuMs: cpuUs / 1_000, memoryMb: memoryKb / 1_024 };
}

/** Of a worker when it says that it has started. */
async function workerUsage(launcher: string, settings: Record<string, string>): Promise<Usage> {
  const worker = startProgram(launcher, ['start', 'worker'], { env: { ...process.env, ...settings } });
  try {
    await worker.until(/role\.started/, 120_000);
    return await usageSoFar(worker.pid);
  } finally {
    await worker.kill();
  }
}

/** Ticks of /proc are hundredths of a second. */
async function usageSoFar(pid: number): Promise<Usage> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    memoryMb: Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1_024,
  };
}

/** An application entity of dcmtk that answers C-ECHO. */
async function startPeer() {
  const port = await freePort();
  const scp = startProgram('storescp', ['-aet', 'PEER', '--ignore', String(port)]);
  await eventually(`storescp at ${port}`, async () => {
    const [code] = await once(
      spawn('echoscu', ['-aec', 'PEER', '127.0.0.1', String(port)], { stdio: 'ignore' }),
      'exit',
    );
    return code === 0;
  });
  return { address: `PEER@127.0.0.1:${port}`, stop: () => scp.kill() };
}
