/** ★ The analysis of one stack, inside the inference process: slices → CNN → sequence → findings → key slices → Grad-CAM. */

import { createHash } from 'node:crypto';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import type { KeySlice, ModelIdentity, SliceScore } from '@ichor/shared/study';
import { type Target, targetOf } from '@ichor/shared/target';
import { featureKey } from '../featureKey.ts';
import type { Analysis, ClassMap, KeySliceImage, Slice, SliceFeatures, SliceStack } from '../types.ts';
import { blankBetween, isBlank } from '../volume/blankSlices.ts';
import type { LoadedSlice } from '../volume/loadSlice.ts';
import { areStrangers, type Neighbours, neighbours } from '../volume/neighbours.ts';
import { sliceDigest } from '../volume/pixelDigest.ts';
import { type Census, implausibility, takeCensus } from '../volume/plausibility.ts';
import type { Manifest } from './bundle.ts';
import {
  askedSlices,
  chooseKeySlices,
  decideFindings,
  type KeySliceChoice,
  type MapRequest,
  probabilitiesOf,
} from './findings.ts';
import type { Graphs, SliceOutput } from './graphs.ts';
import { toRadiological, toStored } from './orientation.ts';

export type AnalysisTools = {
  readonly graphs: Graphs;
  readonly manifest: Manifest;
  readonly identity: ModelIdentity;
  /** In class order. */
  readonly thresholds: readonly number[];
  /** @param where names the slice, should its decoder never return */
  readonly load: (slice: Slice, where: string) => Promise<LoadedSlice>;
  readonly onProgress: (done: number, total: number) => void;
};
export type AnalysisOptions = {
  readonly cached: ReadonlyMap<string, SliceFeatures>;
  readonly maxKeySlices: number;
  /** Heat maps wanted in place of those of the key slices. */
  readonly asked?: readonly MapRequest[];
};

/** Larger batches gain nothing and cost memory. */
const BATCH = 4;
/** Up to so many slices, pixels and what the CNN said are kept for the heat maps; of a larger stack the key slices run once more. */
const MOST_KEPT = 128;

/** @throws NotAnalysable when a slice cannot be decoded or shows nothing, or the study is unlike those the model knows */
export async function analyseStack(
  stack: SliceStack,
  options: AnalysisOptions,
  tools: AnalysisTools,
): Promise<Analysis> {
  const { slices, seen, blank, digests, censuses, order } = await extractFeatures(stack, options, tools);
  refuseBlank(stack, blank);
  refuseStrangers(order);
  const features = joined(slices.map((slice) => slice.features));
  const logits = joined(slices.map((slice) => slice.logits));
  await refuseOutOfDomain(features, slices.length, tools);
  refuseImplausible(censuses);
  const sequenceLogits = await tools.graphs.sequence(features, logits, slices.length);
  const probabilities = probabilitiesOf(sequenceLogits, tools.manifest.calibration.temperature);
  const target = targetOf(tools.identity);
  const findings = decideFindings(probabilities, tools.thresholds, target);
  const choices =
    options.asked === undefined
      ? chooseKeySlices(probabilities, findings, target, options.maxKeySlices)
      : askedSlices(probabilities, options.asked, target);
  const { images, influence } = await explain(stack, { features, logits, seen }, choices, tools);
  return {
    model: tools.identity,
    slices,
    sliceScores: scoresOf(stack, digests, probabilities, logits, influence),
    findings,
    keySlices: choices.map((choice) => keySliceOf(stack, choice, target)),
    keySliceImages: images,
  };
}

/** @throws NotAnalysable naming the slice */
function refuseBlank({ slices }: SliceStack, blank: readonly boolean[]): void {
  const index = blankBetween(blank);
  if (index === null) return;
  throw new NotAnalysable('blank-slice', `slice ${index + 1} of ${slices.length}, ${slices[index]!.sopInstanceUid}`);
}

/** @throws NotAnalysable naming the ratio */
function refuseStrangers(order: Neighbours): void {
  const ratio = order.ratio();
  if (!areStrangers(ratio)) return;
  throw new NotAnalysable(
    'mixed-acquisitions',
    `neighbouring slices differ ${ratio!.toFixed(1)} times as much as every second one`,
  );
}

/** Asked after the domain, whose distance says more of an image that is far from every head. @throws NotAnalysable */
function refuseImplausible(censuses: readonly Census[]): void {
  const why = implausibility(censuses);
  if (why !== null) throw new NotAnalysable('implausible-values', why);
}

/** @throws NotAnalysable naming distance and threshold */
async function refuseOutOfDomain(features: Float32Array, slices: number, tools: AnalysisTools): Promise<void> {
  const threshold = tools.manifest.outOfDomain?.threshold;
  const distance = await tools.graphs.distance(features, slices);
  if (threshold === undefined || distance === null || distance <= threshold) return;
  throw new NotAnalysable(
    'out-of-domain',
    `distance ${distance.toFixed(2)} from the studies it knows, where at most ${threshold.toFixed(2)} is accepted`,
  );
}

type Extracted = {
  /** In the order of the stack. */
  readonly slices: SliceFeatures[];
  /** By index of the slice: those that ran just now, if they are not too many. */
  readonly seen: Map<number, SeenSlice>;
  /** In the order of the stack. */
  readonly blank: boolean[];
  /** Of every slice alone, in the order of the stack. */
  readonly digests: string[];
  readonly censuses: Census[];
  readonly order: Neighbours;
};

async function extractFeatures(
  stack: SliceStack,
  { cached }: AnalysisOptions,
  tools: AnalysisTools,
): Promise<Extracted> {
  const extracted: Extracted = {
    slices: new Array(stack.slices.length),
    seen: new Map(),
    blank: [],
    digests: [],
    censuses: [],
    order: neighbours(),
  };
  const [total, near] = [stack.slices.length, tools.manifest.preprocessing.neighbours];
  /** By index: those that a slice to come still looks at. */
  const loaded = new Map<number, Int16Array>();
  let batch: BatchSlice[] = [];
  for (let index = 0, next = 0; index < total; index++) {
    for (; next < Math.min(total, index + near + 1); next++)
      loaded.set(next, await take(stack, next, extracted, tools));
    const around = amidst(index, total, tools);
    const pixelDigest = inputDigest(around.map((place) => extracted.digests[place]!));
    const { sopInstanceUid, frameNumber } = stack.slices[index]!;
    const known = cached.get(featureKey(sopInstanceUid, frameNumber));
    if (known?.pixelDigest === pixelDigest) extracted.slices[index] = known;
    else batch.push({ index, pixelDigest, input: around.map((place) => loaded.get(place)!) });
    loaded.delete(index - near);
    if (batch.length === BATCH || index === total - 1) {
      await runBatch(batch, stack, extracted, tools);
      batch = [];
    }
    tools.onProgress(index + 1, total);
  }
  return extracted;
}

/** Loads a slice and notes what is to be known of its pixels. */
async function take(
  stack: SliceStack,
  index: number,
  { blank, digests, censuses, order }: Extracted,
  tools: AnalysisTools,
): Promise<Int16Array> {
  const { hu } = await load(stack, index, tools);
  blank.push(isBlank(hu));
  censuses.push(takeCensus(hu, stack.slices[index]!.columns));
  order.add(hu);
  digests.push(sliceDigest(hu));
  return hu;
}

/** Of a slice alone its own. */
const inputDigest = (digests: readonly string[]): string =>
  digests.length === 1 ? digests[0]! : createHash('sha256').update(digests.join(' ')).digest('hex');

/** @throws NotAnalysable naming the slice */
async function load({ slices }: SliceStack, index: number, tools: AnalysisTools): Promise<LoadedSlice> {
  const slice = slices[index]!;
  const where = `slice ${index + 1} of ${slices.length}, ${slice.sopInstanceUid}`;
  return tools.load(slice, where).catch((error: unknown) => {
    if (!(error instanceof NotAnalysable)) throw error;
    const { code, detail } = error.reason;
    throw new NotAnalysable(code, detail === undefined ? where : `${where}: ${detail}`, error.outOfTime);
  });
}

/** A slice in its stored orientation, and what the CNN said of it. */
type SeenSlice = { readonly hu: Int16Array; readonly output: SliceOutput };
/** `input`: the slice itself, amid its neighbours where the CNN looks at them. */
type BatchSlice = { readonly index: number; readonly pixelDigest: string; readonly input: readonly Int16Array[] };

async function runBatch(
  batch: readonly BatchSlice[],
  stack: SliceStack,
  { slices, seen }: Extracted,
  tools: AnalysisTools,
): Promise<void> {
  if (batch.length === 0) return;
  const said = await runCnn(
    batch.map(({ input }) => input),
    stack,
    tools.graphs,
  );
  for (const [place, { index, pixelDigest, input }] of batch.entries()) {
    const output = said[place]!;
    slices[index] = { pixelDigest, features: output.features.slice(), logits: output.logits.slice() };
    if (stack.slices.length <= MOST_KEPT) seen.set(index, { hu: middleOf(input), output });
  }
}

async function see(stack: SliceStack, sliceIndex: number, tools: AnalysisTools): Promise<SeenSlice> {
  const input: Int16Array[] = [];
  for (const index of amidst(sliceIndex, stack.slices.length, tools)) input.push((await load(stack, index, tools)).hu);
  return { hu: middleOf(input), output: (await runCnn([input], stack, tools.graphs))[0]! };
}

const middleOf = (input: readonly Int16Array[]): Int16Array => input[(input.length - 1) / 2]!;

/** The slice and its neighbours, from below; beyond an end of the stack its last slice stands again. */
function amidst(index: number, slices: number, { manifest }: AnalysisTools): readonly number[] {
  const { neighbours: count } = manifest.preprocessing;
  return Array.from({ length: 2 * count + 1 }, (_, place) => Math.min(slices - 1, Math.max(0, index + place - count)));
}

/** @param stored per slice its input, in its stored orientation */
function runCnn(stored: readonly (readonly Int16Array[])[], stack: SliceStack, graphs: Graphs): Promise<SliceOutput[]> {
  const { rows, columns } = stack.slices[0]!;
  const shape = turnedShape(stack);
  const planes = stored.flat();
  const hu = new Int16Array(planes.length * rows * columns);
  for (const [place, data] of planes.entries())
    hu.set(toRadiological({ data, rows, columns }, stack.toRadiological).data, place * rows * columns);
  return graphs.cnn(hu, stored.length, shape.rows, shape.columns);
}

function turnedShape({ slices, toRadiological: { transpose } }: SliceStack): { rows: number; columns: number } {
  const { rows, columns } = slices[0]!;
  return transpose ? { rows: columns, columns: rows } : { rows, columns };
}

type Outputs = {
  /** [S, F] */
  readonly features: Float32Array;
  /** [S, classes] */
  readonly logits: Float32Array;
  readonly seen: ReadonlyMap<number, SeenSlice>;
};

/** Heat maps of the key slices, and how much every slice drove each present finding. */
async function explain(
  stack: SliceStack,
  outputs: Outputs,
  choices: readonly KeySliceChoice[],
  tools: AnalysisTools,
): Promise<{ images: KeySliceImage[]; influence: Influence }> {
  if (choices.length === 0) return { images: [], influence: new Map() };
  const slices = stack.slices.length;
  const { weights, influence } = await tools.graphs.gradient(outputs.features, outputs.logits, slices, choices);
  const featureCount = weights.length / choices.length;
  const images: KeySliceImage[] = [];
  for (const sliceIndex of [...new Set(choices.map((choice) => choice.sliceIndex))].sort((one, other) => one - other)) {
    const { hu, output } = outputs.seen.get(sliceIndex) ?? (await see(stack, sliceIndex, tools));
    const targets = choices.flatMap((choice, target) => (choice.sliceIndex === sliceIndex ? [{ choice, target }] : []));
    const own = joined(
      targets.map(({ target }) => weights.subarray(target * featureCount, (target + 1) * featureCount)),
    );
    const drawn = await tools.graphs.maps(output, own, targets.length);
    const { mapRows: rows, mapColumns: columns } = output;
    const maps = targets.map(({ choice: { classIndex, probability } }, index): ClassMap => {
      const data = drawn.slice(index * rows * columns, (index + 1) * rows * columns);
      const map = toStored({ data, rows, columns }, stack.toRadiological);
      return {
        classIndex,
        probability,
        map: map.data,
        mapRows: map.rows,
        mapColumns: map.columns,
        of: tools.manifest.gradCam,
      };
    });
    images.push({ sliceIndex, hu, maps });
  }
  // The CNN alone says nothing of how a slice drove a decision that a sequence model takes.
  const known = tools.manifest.gradCam === 'sequence';
  return { images, influence: known ? sharesOf(influence, slices, choices, targetOf(tools.identity)) : new Map() };
}

/** Per present class the share of every slice in what drove the class's first key decision. */
type Influence = ReadonlyMap<string, readonly number[]>;

/** @param influence [slices, choices], L2 norms of the decision's gradient at the slice's input of the sequence model */
function sharesOf(
  influence: Float32Array,
  slices: number,
  choices: readonly KeySliceChoice[],
  { classes }: Target,
): Influence {
  const shares = new Map<string, readonly number[]>();
  for (const [target, { classIndex }] of choices.entries()) {
    const finding = classes[classIndex]!.name;
    if (shares.has(finding)) continue;
    const norms = Array.from({ length: slices }, (_, slice) => influence[slice * choices.length + target]!);
    const total = norms.reduce((sum, norm) => sum + norm, 0);
    shares.set(
      finding,
      norms.map((norm) => (total > 0 ? Number((norm / total).toFixed(4)) : 0)),
    );
  }
  return shares;
}

function scoresOf(
  stack: SliceStack,
  digests: readonly string[],
  probabilities: readonly number[][],
  logits: Float32Array,
  influence: Influence,
): SliceScore[] {
  const classes = logits.length / stack.slices.length;
  return stack.slices.map((slice, index) => ({
    ...frameOf(slice),
    zMm: Number(slice.positionMm[2].toFixed(2)),
    pixelDigest: digests[index]!,
    probabilities: probabilities[index]!,
    cnnProbabilities: Array.from(
      logits.subarray(index * classes, (index + 1) * classes),
      (logit) => 1 / (1 + Math.exp(-logit)),
    ),
    ...(influence.size > 0 && {
      influence: Object.fromEntries([...influence].map(([finding, shares]) => [finding, shares[index]!])),
    }),
  }));
}

function keySliceOf(
  stack: SliceStack,
  { sliceIndex, classIndex, probability }: KeySliceChoice,
  { classes }: Target,
): KeySlice {
  return { ...frameOf(stack.slices[sliceIndex]!), finding: classes[classIndex]!.name, score: probability };
}

const frameOf = ({ sopInstanceUid, frameNumber, frames }: Slice) =>
  frames > 1 ? { sopInstanceUid, frameNumber } : { sopInstanceUid };

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
