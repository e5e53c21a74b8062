/**
 * Receiving 300 CT of 530 KB against dcmtk's storescp and Orthanc, at 1 and 4 associations, sent by dcmtk's storescu.
 * Ichor is the whole receiver role (embedded database, index, every write synced); Orthanc syncs its files too, storescp does
 * not. CPU is user and system time of the receiving process and all below it, the embedded database too; on a shared machine
 * the ratios are what counts: medians of {@link ROUNDS} rounds, in each of which every receiver has its turn.
 *
 * dcmtk waits for delayed acknowledgements, 40 ms for each instance, unless TCP_NODELAY=1 stands in its environment. It
 * stands there for the sender and for both peers (Orthanc is made with dcmtk); without it the figures say how long a peer's
 * kernel waits, and nothing of the receivers.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { part10Header } from '@ichor/dicom/part10';
import { eventually, freePort, startIchor } from '../test/support/ichor.ts';
import { startOrthanc } from '../test/support/orthanc.ts';
import { plainCt } from '../test/support/rawDataset.ts';
import { openWorkFolder } from '../test/support/workFolder.ts';

const INSTANCES = 300;
const WARM_UP = 60;
const ROUNDS = 3;
const PIXEL_BYTES = 530_000;
const CT = '1.2.840.10008.5.1.4.1.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';
/** Clock ticks per second of /proc (proc(5)). */
const TICKS_PER_SECOND = 100;

export type ReceiveRow = {
  readonly receiver: string;
  readonly associations: number;
  readonly cpuMsPerInstance: number;
  readonly instancesPerSecond: number;
};

type Receiver = { readonly name: string; readonly pid: number; readonly port: number; stop(): Promise<unknown> };

/** Median of each figure over the rounds. */
export async function measureReceive(): Promise<ReceiveRow[]> {
  process.env['TCP_NODELAY'] = '1';
  const rounds: ReceiveRow[][] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measureRound());
  return rounds[0]!.map((row, index) => ({
    ...row,
    cpuMsPerInstance: median(rounds.map((rows) => rows[index]!.cpuMsPerInstance)),
    instancesPerSecond: median(rounds.map((rows) => rows[index]!.instancesPerSecond)),
  }));
}

const median = (values: readonly number[]): number => values.toSorted((one, other) => one - other)[values.length >> 1]!;

/** One run of each receiver, one after the other. */
async function measureRound(): Promise<ReceiveRow[]> {
  const folder = await openWorkFolder('bench-receive');
  try {
    const rows: ReceiveRow[] = [];
    for (const start of [startStorescp, startOrthancReceiver, startIchorReceiver]) {
      const receiver = await start(folder.path);
      try {
        await send(receiver.port, await makeFiles(folder.path, receiver.name, 'warm', WARM_UP), 1);
        for (const associations of [1, 4]) rows.push(await measure(receiver, folder.path, associations));
      } finally {
        await receiver.stop();
      }
    }
    return rows;
  } finally {
    await folder.remove();
  }
}

export async function printReceive(): Promise<void> {
  const rows = await measureReceive();
  console.log(
    `\nReceiving ${INSTANCES} CT of ${PIXEL_BYTES / 1000} KB (dcmtk storescu sends, TCP_NODELAY=1 for all; Ichor with every write synced; medians of ${ROUNDS} rounds)`,
  );
  for (const { receiver, associations, cpuMsPerInstance, instancesPerSecond } of rows)
    console.log(
      `  ${receiver.padEnd(8)} ${associations} association(s)   CPU ${cpuMsPerInstance.toFixed(2)} ms per instance   ${instancesPerSecond.toFixed(0)} instances/s`,
    );
  for (const associations of [1, 4]) {
    const of = (name: string) => rows.find((row) => row.receiver === name && row.associations === associations)!;
    const [ichor, orthanc, storescp] = [of('Ichor'), of('Orthanc'), of('storescp')];
    console.log(
      `  Ichor at ${associations}: CPU ${ratio(ichor.cpuMsPerInstance, orthanc.cpuMsPerInstance)} of Orthanc's (goal: at most 1), ` +
        `throughput ${ratio(ichor.instancesPerSecond, orthanc.instancesPerSecond)} of Orthanc's (goal: above 1); ` +
        `CPU ${ratio(ichor.cpuMsPerInstance, storescp.cpuMsPerInstance)}, throughput ${ratio(ichor.instancesPerSecond, storescp.instancesPerSecond)} of storescp's`,
    );
  }
}

const ratio = (one: number, other: number): string => (one / other).toFixed(2);

async function measure(receiver: Receiver, folder: string, associations: number): Promise<ReceiveRow> {
  const files = await makeFiles(folder, receiver.name, String(associations), INSTANCES);
  const [cpuBefore, startedAt] = [await cpuMs(receiver.pid), performance.now()];
  await send(receiver.port, files, associations);
  const seconds = (performance.now() - startedAt) / 1000;
  /** What a receiver puts off, it has to pay too. */
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return {
    receiver: receiver.name,
    associations,
    cpuMsPerInstance: ((await cpuMs(receiver.pid)) - cpuBefore) / INSTANCES,
    instancesPerSecond: INSTANCES / seconds,
  };
}

/** Time of the process, of everything below it, and of what has ended below it. */
async function cpuMs(pid: number): Promise<number> {
  const stats = await allStats();
  const below = (parent: number): Stat[] =>
    stats.filter((stat) => stat.parent === parent).flatMap((stat) => [stat, ...below(stat.pid)]);
  const tree = [...stats.filter((stat) => stat.pid === pid), ...below(pid)];
  return (tree.reduce((sum, { ticks }) => sum + ticks, 0) * 1000) / TICKS_PER_SECOND;
}

type Stat = { readonly pid: number; readonly parent: number; readonly ticks: number };

/** Every process, with its own ticks and those of its children that have ended (proc(5), fields 14 to 17). */
async function allStats(): Promise<Stat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const read = async (pid: number): Promise<Stat[]> => {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
    if (stat === null) return [];
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [{ pid, parent: Number(fields[1]), ticks: fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0) }];
  };
  return (await Promise.all(pids.map(read))).flat();
}

async function makeFiles(folder: string, receiver: string, run: string, count: number): Promise<string[]> {
  const out = join(folder, `${receiver}-${run}`);
  await mkdir(out);
  const study = `1.2.826.0.1.${Date.now()}`;
  const makeFile = async (number: number): Promise<string> => {
    const instance = `${study}.1.${number}`;
    const path = join(out, `${number}.dcm`);
    const header = part10Header({
      sopClassUid: CT,
      sopInstanceUid: instance,
      transferSyntaxUid: EXPLICIT,
      callingAeTitle: '',
    });
    await writeFile(
      path,
      Buffer.concat([header, plainCt({ study, series: `${study}.1`, instance, sopClass: CT }, PIXEL_BYTES)]),
    );
    return path;
  };
  const paths: string[] = [];
  for (let number = 1; number <= count; number++) paths.push(await makeFile(number));
  return paths;
}

/** The files in equal shares, one storescu each. @throws Error when one of them fails */
async function send(port: number, files: readonly string[], associations: number): Promise<void> {
  const shares = Array.from({ length: associations }, (_, share) =>
    files.filter((_file, index) => index % associations === share),
  );
  const runs = shares.map(async (share) => {
    const child = spawn('storescu', ['-aec', 'ICHOR', '127.0.0.1', String(port), ...share], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`storescu ended with ${code}`);
  });
  await Promise.all(runs);
}

async function startIchorReceiver(folder: string): Promise<Receiver> {
  const port = await freePort();
  const ichor = startIchor(['receiver'], {
    ICHOR_DATA_DIR: join(folder, 'data'),
    ICHOR_DICOM_PORT: String(port),
    ICHOR_DISK_FLOOR_BYTES: '0',
  });
  await untilItListens(port);
  return { name: 'Ichor', pid: ichor.pid, port, stop: () => ichor.stop() };
}

async function startOrthancReceiver(folder: string): Promise<Receiver> {
  const port = await freePort();
  const orthanc = await startOrthanc({
    dir: join(folder, 'orthanc'),
    aeTitle: 'ICHOR',
    dicomPort: port,
    httpPort: await freePort(),
    ichorPort: 1,
  });
  return { name: 'Orthanc', pid: orthanc.pid, port, stop: () => orthanc.stop() };
}

async function startStorescp(folder: string): Promise<Receiver> {
  const port = await freePort();
  const out = join(folder, 'storescp');
  await mkdir(out);
  const child = spawn('storescp', ['--fork', '-aet', 'ICHOR', '-od', out, String(port)], { stdio: 'ignore' });
  await untilItListens(port);
  return {
    name: 'storescp',
    pid: child.pid!,
    port,
    async stop() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

const untilItListens = (port: number): Promise<unknown> =>
  eventually(`port ${port}`, async () => {
    const child = spawn('echoscu', ['-aec', 'ICHOR', '127.0.0.1', String(port)], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    return code === 0;
  });
