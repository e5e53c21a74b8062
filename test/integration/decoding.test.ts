/** Decoding in processes that can be killed: slices that never come to an end, and whoever waits behind them or goes away. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Decoder, openDecoder } from '@ichor/analysis/decoding/decoder';
import { MEMORY_LIMIT } from '@ichor/analysis/decoding/limits';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ENDLESS_TRANSFER_SYNTAX, useEndlessCodec } from '../support/endlessCodec.ts';
import { eventually, ROOT } from '../support/ichor.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const MATRIX = 64;
let folder: WorkFolder;
let good: PhantomStudy;
let endless: PhantomStudy;
let decodeAsUsual: () => void;
beforeAll(async () => {
  folder = await openWorkFolder('decoding');
  const like = { seed: 11, slices: 12, matrix: MATRIX, bleeds: [] };
  good = await writePhantomStudy({ ...like, out: join(folder.path, 'good') });
  endless = await writePhantomStudy({
    ...like,
    out: join(folder.path, 'endless'),
    transferSyntaxUid: ENDLESS_TRANSFER_SYNTAX,
  });
  decodeAsUsual = useEndlessCodec();
});
afterAll(async () => {
  decodeAsUsual?.();
  await folder?.remove();
});

let decoder: Decoder;
const open = (sliceDecodeTimeoutMs: number, processes = 1): Decoder => {
  decoder = openDecoder({ files: localFiles, sliceDecodeTimeoutMs, processes, mostWaiting: 20 });
  return decoder;
};
afterEach(() => decoder?.close());
const frame = (study: PhantomStudy, slice = 0) => ({ reference: study.files[slice]!, frameNumber: 1 });
const NEVER_MS = 600_000;

test('a slice whose decoder never returns is undecodable-pixel-data once its time is used up, and those behind it are decoded', async () => {
  const { decode } = open(100);
  const ended: string[] = [];
  const first = decode(frame(endless)).catch((error) => error);
  const behind = [0, 1, 2].map((slice) => decode(frame(good, slice)).then(({ hu }) => ended.push(`${hu.length}`)));
  expect(await first.finally(() => ended.push('endless'))).toMatchObject({
    reason: { code: 'undecodable-pixel-data', detail: expect.stringContaining('ICHOR_SLICE_DECODE_TIMEOUT_MS') },
    outOfTime: true,
  });
  await Promise.all(behind);
  expect(ended).toEqual(['endless', ...Array(3).fill(String(MATRIX ** 2))]);
});

test('while one slice never ends the others are decoded in the other places', async () => {
  const { decode } = open(NEVER_MS, 2);
  let over = false;
  const hanging = decode(frame(endless)).finally(() => (over = true));
  hanging.catch(() => {});
  for (let slice = 0; slice < 4; slice++) expect((await decode(frame(good, slice))).rows).toBe(MATRIX);
  expect(over).toBe(false);
  decoder.close();
  await expect(hanging).rejects.toMatchObject({ code: 'DECODER_UNAVAILABLE' });
});

test('whoever goes away frees the place of a slice that never ends', async () => {
  const { decode } = open(NEVER_MS);
  const hangUp = new AbortController();
  const hanging = decode(frame(endless), hangUp.signal);
  const next = decode(frame(good));
  hangUp.abort(new Error('gone'));
  await expect(hanging).rejects.toThrow('gone');
  expect((await next).rows).toBe(MATRIX);
});

test('what is shown is the same, whether the header says its matrix or the caller', async () => {
  const { decode } = open(NEVER_MS);
  const shape = { rows: MATRIX, columns: MATRIX, frames: 1 };
  expect(await decode(frame(good, 5))).toEqual(await decode({ ...frame(good, 5), ...shape }));
});

describe('a process that ends while it decodes', () => {
  const decoding = (): number[] =>
    spawnSync('pgrep', ['-P', String(process.pid), '-f', 'ichor-endless'])
      .stdout.toString()
      .split('\n')
      .filter(Boolean)
      .map(Number);
  const begun = (before: readonly number[]): Promise<number> =>
    eventually('a decode process', async () => decoding().find((pid) => !before.includes(pid)) ?? null);

  test('and was killed from outside says nothing of the slice; the next slice gets a new process', async () => {
    const { decode } = open(NEVER_MS);
    const before: number[] = [];
    const hanging = decode(frame(endless)).catch((error) => error);
    for (let time = 0; time < 2; time++) {
      const pid = await begun(before);
      before.push(pid);
      process.kill(pid, 'SIGKILL');
    }
    expect(await hanging).toMatchObject({ code: 'DECODER_UNAVAILABLE', retryable: true });
    expect((await decode(frame(good))).rows).toBe(MATRIX);
  });

  test('and crashes twice makes its slice undecodable', async () => {
    const { decode } = open(NEVER_MS);
    const before: number[] = [];
    const hanging = decode(frame(endless)).catch((error) => error);
    for (let time = 0; time < 2; time++) {
      const pid = await begun(before);
      before.push(pid);
      process.kill(pid, 'SIGSEGV');
    }
    expect(await hanging).toMatchObject({
      reason: { code: 'undecodable-pixel-data', detail: expect.stringContaining('SIGSEGV') },
    });
  });
});

test('a process whose asker was killed ends although its decoder never returns', async () => {
  const script = `
    import { openDecoder } from '@ichor/analysis/decoding/decoder';
    import { localFiles } from '@ichor/store/files/folderReader';
    const frame = { reference: ${JSON.stringify(endless.files[0])}, frameNumber: 1 };
    openDecoder({ files: localFiles, sliceDecodeTimeoutMs: ${NEVER_MS}, processes: 1, mostWaiting: 0 }).decode(frame);
    process.stdout.write('begun');`;
  const file = join(ROOT, 'apps', 'worker', `.asker-${process.pid}.mjs`);
  await writeFile(file, script);
  const asker = spawn(process.execPath, [...process.execArgv, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(asker.stdout, 'data');
    const pid = await eventually('a decode process', async () => {
      const [found] = spawnSync('pgrep', ['-P', String(asker.pid), '-f', 'ichor-endless'])
        .stdout.toString()
        .split('\n');
      return found ? Number(found) : null;
    });
    asker.kill('SIGKILL');
    await eventually('its end', async () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
  } finally {
    asker.kill('SIGKILL');
    await rm(file);
  }
});

test('a WebAssembly memory of a process that decodes cannot grow without bound', () => {
  const grow = (pages: number) =>
    spawnSync(process.execPath, [MEMORY_LIMIT, '-e', `new WebAssembly.Memory({ initial: 1 }).grow(${pages})`]).status;
  expect([grow(1_000), grow(20_000)]).toEqual([0, 1]);
});

test('a header of 65535 × 65535 with little behind it is refused before anything is allocated', async () => {
  const { decode } = open(NEVER_MS);
  for (const study of [good, endless]) {
    const bytes = await readFile(study.files[0]!);
    for (const tag of ['10', '11']) {
      const at = bytes.indexOf(Buffer.from(`2800${tag}00`, 'hex'));
      bytes.writeUInt16LE(65_535, at + 8);
    }
    const path = join(folder.path, 'forged.dcm');
    await writeFile(path, bytes);
    await expect(decode({ reference: path, frameNumber: 1 })).rejects.toMatchObject({
      reason: { code: 'truncated-pixel-data', detail: expect.stringContaining('65535 × 65535') },
    });
  }
});

describeWithSharedData('a public kind of damage to HTJ2K', () => {
  test('is undecodable-pixel-data', async () => {
    decodeAsUsual();
    const path = sharedData('..', 'cases', '13-htj2k-never-ends', 'slice.dcm');
    await expect(open(1_000).decode({ reference: path, frameNumber: 1 })).rejects.toMatchObject({
      reason: { code: 'undecodable-pixel-data' },
    });
    decodeAsUsual = useEndlessCodec();
  });
});
