/** The worker's numbers against an independent PyTorch implementation (training/reference): pixels, probabilities, heat maps. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startInference } from '@ichor/analysis/inference/inference';
import type { Analysis, SliceStack } from '@ichor/analysis/types';
import { buildStack } from '@ichor/analysis/volume/buildStack';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { type InstanceHeader, readHeaders } from '@ichor/analysis/volume/readHeaders';
import { selectSeries } from '@ichor/analysis/volume/selectSeries';
import { loadConfig } from '@ichor/settings/config';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ROOT, runIchor } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { requirePython } from '../support/python.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const PROBABILITY_TOLERANCE = 1e-4;
/** Of a map's maximum. */
const MAP_TOLERANCE = 1e-3;
/** So low that every class has key slices, and so a heat map to compare. */
const EVERYTHING = FINDING_CLASSES.map((name) => `${name}=1e-300`).join(',');
const REFERENCE = join(ROOT, 'training', 'reference', 'triage_reference.py');

type Map = { readonly sopInstanceUid: string; readonly class: string; rows: number; columns: number; values: number[] };
type Reference = {
  readonly slices: readonly {
    readonly sopInstanceUid: string;
    readonly huSha256: string;
    readonly cnnProbabilities: number[];
    readonly probabilities: number[];
  }[];
  readonly maps: readonly Map[];
};
type Ours = { readonly stack: SliceStack; readonly analysis: Analysis };
type Both = { readonly ours: Ours; readonly ourMaps: readonly Map[]; readonly theirs: Reference };

async function both(folder: string): Promise<Both> {
  const config = loadConfig({ ICHOR_THRESHOLDS: EVERYTHING });
  const inference = await startInference(config, silentLog);
  const files = (await findDicomFiles(folder)).filter((file) => file.endsWith('.dcm'));
  const stack = stackOf(await readHeaders(localFiles, files, () => {}));
  const analysis = await inference
    .analyse(stack, { files: localFiles, cached: new Map() })
    .finally(() => inference.close());
  const ours = { stack, analysis };
  const ourMaps = mapsOf(ours);
  const targets = ourMaps.map((map) => `${map.sopInstanceUid}:${map.class}`).join(',');
  const { stdout } = await promisify(execFile)(
    requirePython(),
    [REFERENCE, config.modelDir, folder, '--targets', targets],
    { maxBuffer: 1 << 28 },
  );
  return { ours, ourMaps, theirs: JSON.parse(stdout) as Reference };
}

/** The stack alone: whether a series is even enough for the model is no matter of numbers. */
function stackOf(headers: readonly InstanceHeader[]): SliceStack {
  const built = buildStack(selectSeries(headers).selected!);
  if ('reason' in built) throw new Error(built.reason.sentence);
  return built.stack;
}

const mapsOf = ({ analysis, stack }: Ours): Map[] =>
  analysis.keySliceImages.flatMap(({ sliceIndex, maps }) =>
    maps.map((map) => ({
      sopInstanceUid: stack.slices[sliceIndex]!.sopInstanceUid,
      class: FINDING_CLASSES[map.classIndex]!,
      rows: map.mapRows,
      columns: map.mapColumns,
      values: [...map.map],
    })),
  );

const largestDifference = (one: readonly number[], other: readonly number[]): number =>
  Math.max(...one.map((value, index) => Math.abs(value - other[index]!)));

/** Compares every number of a study; prints the largest differences, which the documentation quotes. */
function defineComparisons(name: string, compared: () => Both): void {
  test('the slices are in the same order, with equal Hounsfield units', () => {
    const { ours, theirs } = compared();
    expect(ours.stack.slices.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(
      theirs.slices.map(({ sopInstanceUid }) => sopInstanceUid),
    );
    expect(ours.analysis.slices.map(({ pixelDigest }) => pixelDigest)).toEqual(
      theirs.slices.map(({ huSha256 }) => huSha256),
    );
  });
  test(`probabilities of CNN and sequence agree to ${PROBABILITY_TOLERANCE}`, () => {
    const { ours, theirs } = compared();
    const scores = ours.analysis.sliceScores;
    const flat = (pick: (slice: Reference['slices'][number]) => readonly number[]) => theirs.slices.flatMap(pick);
    const cnn = largestDifference(
      scores.flatMap((slice) => slice.cnnProbabilities),
      flat((slice) => slice.cnnProbabilities),
    );
    const sequence = largestDifference(
      scores.flatMap((slice) => slice.probabilities),
      flat((slice) => slice.probabilities),
    );
    process.stderr.write(`${name}: largest difference of probabilities: CNN ${cnn}, sequence ${sequence}\n`);
    expect(cnn).toBeLessThanOrEqual(PROBABILITY_TOLERANCE);
    expect(sequence).toBeLessThanOrEqual(PROBABILITY_TOLERANCE);
  });
  test(`joint Grad-CAMs of every class agree to ${MAP_TOLERANCE} of their maximum`, () => {
    const { ourMaps, theirs } = compared();
    expect(new Set(ourMaps.map((map) => map.class))).toEqual(new Set(FINDING_CLASSES));
    expect(ourMaps.map(({ values, ...place }) => place)).toEqual(theirs.maps.map(({ values, ...place }) => place));
    expect(ourMaps.some(({ values }) => Math.max(...values) > 0)).toBe(true);
    const worst = ourMaps.map(({ values }, index) => {
      const expected = theirs.maps[index]!.values;
      const difference = largestDifference(values, expected);
      return difference === 0 ? 0 : difference / Math.max(...expected);
    });
    process.stderr.write(`${name}: largest difference of ${worst.length} heat maps: ${Math.max(...worst)}\n`);
    expect(Math.max(...worst)).toBeLessThanOrEqual(MAP_TOLERANCE);
  });
}

describeWithSharedData('a real head CT (GE, tilted gantry) computed by Ichor and by PyTorch', () => {
  let compared: Both;
  beforeAll(async () => {
    compared = await both(sharedData('head-ct-ge'));
  }, 300_000);
  defineComparisons('head-ct-ge', () => compared);
});

describe('a phantom computed by Ichor and by PyTorch', () => {
  let folder: WorkFolder;
  let compared: Both;
  beforeAll(async () => {
    folder = await openWorkFolder('numerics');
    const options = ['--seed', '5', '--matrix', '256', '--slices', '24', '--bleed', 'intraparenchymal'];
    const { code, stderr } = await runIchor(['phantom', '--out', folder.path, ...options]);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    compared = await both(folder.path);
  }, 300_000);
  afterAll(() => folder.remove());
  defineComparisons('phantom', () => compared);
});
