/** From files to slices in Hounsfield units, where the files are broken in ways that no list foresees. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildStack } from '@ichor/analysis/volume/buildStack';
import { loadSlice } from '@ichor/analysis/volume/loadSlice';
import { readHeaders } from '@ichor/analysis/volume/readHeaders';
import { selectSeries } from '@ichor/analysis/volume/selectSeries';
import type { PixelData } from '@ichor/dicom/pixelData';
import { decodePixels } from '@ichor/dicom/pixels/decodePixels';
import { readPart10 } from '@ichor/dicom/readPart10';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { REASONS, type ReasonCode } from '@ichor/shared/reasons';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const SLICES = 12;
const MATRIX = 64;

let root: WorkFolder;
beforeAll(async () => {
  root = await openWorkFolder('volume');
});
afterAll(() => root.remove());

const phantom = (name: string, transferSyntaxUid?: string): Promise<PhantomStudy> =>
  writePhantomStudy({
    out: join(root.path, name),
    seed: 7,
    matrix: MATRIX,
    slices: SLICES,
    bleeds: [],
    confounders: [],
    ...(transferSyntaxUid === undefined ? {} : { transferSyntaxUid }),
  });

async function reasonOf(work: Promise<unknown>): Promise<ReasonCode | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof NotAnalysable) return error.reason.code;
    throw error;
  }
}

/** What becomes of a study: `analysed`, a reason, or `unreadable` when a head cannot be read. */
async function outcome(files: readonly string[]): Promise<'analysed' | 'unreadable' | ReasonCode> {
  const problems: unknown[] = [];
  const headers = await readHeaders(localFiles, files, (problem) => problems.push(problem));
  if (problems.length > 0) return 'unreadable';
  const { selected, reason } = selectSeries(headers);
  if (selected === null) return reason!.code;
  const built = buildStack(selected);
  if ('reason' in built) return built.reason.code;
  for (const slice of built.stack.slices) {
    const why = await reasonOf(loadSlice(slice, localFiles));
    if (why !== null) return why;
  }
  return 'analysed';
}

test('any change of a header ends in a stack or in a reason, never in another error', async () => {
  const { files } = await phantom('mutated');
  const victim = files[5]!;
  const good = await readFile(victim);
  const headerLength = good.length - 2 * MATRIX ** 2;
  const changes = fc.array(fc.tuple(fc.integer({ min: 0, max: headerLength - 1 }), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(changes, async (bytes) => {
      const broken = Buffer.from(good);
      for (const [at, value] of bytes) broken[at] = value;
      await writeFile(victim, broken);
      const end = await outcome(files);
      seen.add(end);
      expect(['analysed', 'unreadable', ...Object.keys(REASONS)]).toContain(end);
    }),
    { numRuns: 300, seed: 20 },
  );
  // The changes reached more than one way out.
  expect(seen.size).toBeGreaterThan(3);
});

/** EOI of the JPEG family, EOC of JPEG 2000. */
const END = Buffer.from([0xff, 0xd9]);
const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(Buffer.from(other));

describe.each([
  ['JPEG Lossless', '1.2.840.10008.1.2.4.70'],
  ['JPEG-LS', '1.2.840.10008.1.2.4.80'],
  ['JPEG 2000', '1.2.840.10008.1.2.4.90'],
  ['HTJ2K', '1.2.840.10008.1.2.4.201'],
  ['HTJ2K RPCL', '1.2.840.10008.1.2.4.202'],
  ['RLE', '1.2.840.10008.1.2.5'],
])('a frame in %s', (name, transferSyntaxUid) => {
  const shape = { rows: MATRIX, columns: MATRIX, bitsAllocated: 16, frames: 1, frameNumber: 1 };
  const of = (bytes: Uint8Array): PixelData => ({
    kind: 'encapsulated',
    fragments: [{ offset: 0, bytes }],
    basicOffsetTable: [],
  });
  let codestream: Uint8Array;
  beforeAll(async () => {
    const path = (await phantom(name, transferSyntaxUid)).files[6]!;
    const pixels = readPart10(await readFile(path), path).dataset.pixelData();
    codestream = pixels?.kind === 'encapsulated' ? pixels.fragments[0]!.bytes : new Uint8Array();
  });

  test('that is whole is decoded', async () => {
    expect(await decodePixels(of(codestream), transferSyntaxUid, shape)).toHaveLength(2 * MATRIX ** 2);
  });
  test.each([0.1, 0.5, 0.9, 0.99])('of which %f is left is refused, not made up', async (share) => {
    const cut = codestream.subarray(0, Math.floor(codestream.length * share));
    expect(['truncated-pixel-data', 'undecodable-pixel-data']).toContain(
      await reasonOf(decodePixels(of(cut), transferSyntaxUid, shape)),
    );
  });
  test.each<[string, number[]]>([
    ['a space', [0x20]],
    ['0xFF', [0xff]],
    ['several bytes', [0xff, 0xff, 0x0d, 0x0a, 0]],
    ['500 bytes of 0xAA', new Array(500).fill(0xaa)],
    ['zeros, as many as it has itself', new Array(5_000).fill(0)],
  ])('with %s behind its end is decoded to the same', async (_name, rest) => {
    const whole = await decodePixels(of(codestream), transferSyntaxUid, shape);
    const trimmed = name === 'RLE' ? codestream : codestream.subarray(0, Buffer.from(codestream).lastIndexOf(END) + 2);
    const padded = Buffer.concat([trimmed, Buffer.from(rest)]);
    expect(sameBytes(await decodePixels(of(padded), transferSyntaxUid, shape), whole)).toBe(true);
  });
  // RLE has no end marker, and does not say how wide it is.
  if (name === 'RLE') return;
  test.each<[string, number[]]>([
    ['a zero', [0]],
    ['two zeros', [0, 0]],
    ['nine zeros', new Array(9).fill(0)],
    ['0xFF', [0xff]],
  ])('with %s before its end marker is decoded to the same', async (_name, fill) => {
    const whole = await decodePixels(of(codestream), transferSyntaxUid, shape);
    const end = Buffer.from(codestream).lastIndexOf(END);
    const filled = Buffer.concat([codestream.subarray(0, end), Buffer.from(fill), codestream.subarray(end)]);
    expect(sameBytes(await decodePixels(of(filled), transferSyntaxUid, shape), whole)).toBe(true);
  });
  test('whose header has another width, with as many pixels, is truncated-pixel-data', async () => {
    const askew = { ...shape, rows: MATRIX * 2, columns: MATRIX / 2 };
    expect(await reasonOf(decodePixels(of(codestream), transferSyntaxUid, askew))).toBe('truncated-pixel-data');
  });
});
