/**
 * Receiving 300 CT of 530 KB against dcmtk's storescp and Orthanc, at 1 and 4 associations, sent by dcmtk's storescu.
 * Ichor is the whole receiver role (embedded database, index, every write synced); Orthanc syncs its files too, storescp does
 * not. CPU is user and system time of the receiving process and its children; on a shared machine the ratios are what counts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { part10Header } from '@ichor/shared';
import { eventually, freePort, startIchor } from '../test/support/ichor.ts';
import { startOrthanc } from '../test/support/orthanc.ts';
import { plainCt } from '../test/support/rawDataset.ts';
import { openWorkFolder } from '../test/support/workFolder.ts';

const INSTANCES = 300;
const WARM_UP = 60;
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

/** One run of each receiver, one after the other. */
export async function measureReceive(): Promise<ReceiveRow[]> {
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
    `\nReceiving ${INSTANCES} CT of ${PIXEL_BYTES / 1000} KB (dcmtk storescu sends; Ichor with every write synced)`,
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
        `CPU ${ratio(ichor.cpuMsPerInstance, storescp.cpuMsPerInstance)} of storescp's`,
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

/** Time of the process and of its children that have ended. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return (fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) * 1000) / TICKS_PER_SECOND;
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
