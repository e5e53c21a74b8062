/** ★ The analysis of one stack, inside the inference process: slices → CNN → sequence → findings → key slices → Grad-CAM. */
import { createHash } from 'node:crypto';
import { FINDING_CLASSES, type KeySlice, type ModelIdentity, type SliceScore } from '@ichor/shared';
import { featureKey } from '../featureKey.ts';
import type { Analysis, ClassMap, KeySliceImage, Slice, SliceFeatures, SliceStack } from '../types.ts';
import type { LoadedSlice } from '../volume/loadSlice.ts';
import type { Manifest } from './bundle.ts';
import { chooseKeySlices, decideFindings, type KeySliceChoice, probabilitiesOf } from './findings.ts';
import { weightedMap } from './gradCam.ts';
import type { Graphs } from './graphs.ts';
import { toRadiological, toStored } from './orientation.ts';

export type AnalysisTools = {
  readonly graphs: Graphs;
  readonly manifest: Manifest;
  readonly identity: ModelIdentity;
  /** In class order. */
  readonly thresholds: readonly number[];
  readonly load: (slice: Slice) => Promise<LoadedSlice>;
  readonly onProgress: (done: number, total: number) => void;
};
export type AnalysisOptions = {
  readonly cached: ReadonlyMap<string, SliceFeatures>;
  readonly maxKeySlices: number;
};

/** Larger batches gain nothing and cost memory. */
const BATCH = 4;
const CLASSES = FINDING_CLASSES.length;

/** @throws NotAnalysable when a slice cannot be decoded */
export async function analyseStack(
  stack: SliceStack,
  options: AnalysisOptions,
  tools: AnalysisTools,
): Promise<Analysis> {
  const slices = await extractFeatures(stack, options, tools);
  const features = joined(slices.map((slice) => slice.features));
  const logits = joined(slices.map((slice) => slice.logits));
  const sequenceLogits = await tools.graphs.sequence(features, logits, slices.length);
  const probabilities = probabilitiesOf(sequenceLogits, tools.manifest.calibration.temperature);
  const findings = decideFindings(probabilities, tools.thresholds);
  const choices = chooseKeySlices(probabilities, findings, options.maxKeySlices);
  const { images, influence } = await explain(stack, { features, logits }, choices, tools);
  return {
    model: tools.identity,
    slices,
    sliceScores: scoresOf(stack, probabilities, logits),
    findings,
    keySlices: choices.map((choice) => keySliceOf(stack, choice)),
    keySliceImages: images,
    influence,
  };
}

async function extractFeatures(
  stack: SliceStack,
  { cached }: AnalysisOptions,
  tools: AnalysisTools,
): Promise<SliceFeatures[]> {
  const found: SliceFeatures[] = new Array(stack.slices.length);
  let batch: { index: number; hu: Int16Array; pixelDigest: string }[] = [];
  const { rows, columns } = stack.slices[0]!;
  for (const [index, slice] of stack.slices.entries()) {
    const { hu } = await tools.load(slice);
    const pixelDigest = createHash('sha256')
      .update(new Uint8Array(hu.buffer, hu.byteOffset, hu.byteLength))
      .digest('hex');
    const known = cached.get(featureKey(slice.sopInstanceUid, slice.frameNumber));
    if (known?.pixelDigest === pixelDigest) found[index] = known;
    else batch.push({ index, pixelDigest, hu: toRadiological({ data: hu, rows, columns }, stack.toRadiological).data });
    if (batch.length === BATCH || index === stack.slices.length - 1) {
      await runBatch(batch, stack, found, tools);
      batch = [];
    }
    tools.onProgress(index + 1, stack.slices.length);
  }
  return found;
}

async function runBatch(
  batch: readonly { index: number; hu: Int16Array; pixelDigest: string }[],
  stack: SliceStack,
  found: SliceFeatures[],
  tools: AnalysisTools,
): Promise<void> {
  if (batch.length === 0) return;
  const { rows, columns } = turnedShape(stack);
  const hu = new Int16Array(batch.length * rows * columns);
  for (const [place, one] of batch.entries()) hu.set(one.hu, place * rows * columns);
  const { features, logits, featureCount } = await tools.graphs.cnn(hu, batch.length, rows, columns);
  for (const [place, { index, pixelDigest }] of batch.entries()) {
    found[index] = {
      pixelDigest,
      features: features.slice(place * featureCount, (place + 1) * featureCount),
      logits: logits.slice(place * CLASSES, (place + 1) * CLASSES),
    };
  }
}

function turnedShape({ slices, toRadiological: { transpose } }: SliceStack): { rows: number; columns: number } {
  const { rows, columns } = slices[0]!;
  return transpose ? { rows: columns, columns: rows } : { rows, columns };
}

type Outputs = { readonly features: Float32Array; readonly logits: Float32Array };

/** Heat maps of the key slices, and how much every slice drove each present finding. */
async function explain(
  stack: SliceStack,
  outputs: Outputs,
  choices: readonly KeySliceChoice[],
  tools: AnalysisTools,
): Promise<{ images: KeySliceImage[]; influence: Analysis['influence'] }> {
  if (choices.length === 0) return { images: [], influence: [] };
  const slices = stack.slices.length;
  const { weights, influence } = await tools.graphs.gradient(outputs.features, outputs.logits, slices, choices);
  const featureCount = weights.length / choices.length;
  const images: KeySliceImage[] = [];
  for (const sliceIndex of [...new Set(choices.map((choice) => choice.sliceIndex))].sort((one, other) => one - other)) {
    const { hu } = await tools.load(stack.slices[sliceIndex]!);
    const { rows, columns } = stack.slices[sliceIndex]!;
    const turned = toRadiological({ data: hu, rows, columns }, stack.toRadiological);
    const seen = await tools.graphs.activations(turned.data, turned.rows, turned.columns);
    const maps = choices.flatMap((choice, target): ClassMap[] => {
      if (choice.sliceIndex !== sliceIndex) return [];
      const own = weights.subarray(target * featureCount, (target + 1) * featureCount);
      const places = seen.mapRows * seen.mapColumns;
      const map =
        tools.manifest.gradCam === 'sequence'
          ? weightedMap(own, seen.activations)
          : seen.cams
              .slice(choice.classIndex * places, (choice.classIndex + 1) * places)
              .map((value) => Math.max(0, value));
      const stored = toStored({ data: map, rows: seen.mapRows, columns: seen.mapColumns }, stack.toRadiological);
      return [
        {
          classIndex: choice.classIndex,
          probability: choice.probability,
          map: stored.data,
          mapRows: stored.rows,
          mapColumns: stored.columns,
        },
      ];
    });
    images.push({ sliceIndex, hu, maps });
  }
  const classes = [...new Set(choices.map((choice) => choice.classIndex))];
  return {
    images,
    influence: classes.map((classIndex) => {
      const target = choices.findIndex((choice) => choice.classIndex === classIndex);
      return {
        classIndex,
        perSlice: Float32Array.from({ length: slices }, (_, slice) => influence[slice * choices.length + target]!),
      };
    }),
  };
}

function scoresOf(stack: SliceStack, probabilities: readonly number[][], logits: Float32Array): SliceScore[] {
  return stack.slices.map((slice, index) => ({
    ...frameOf(slice),
    probabilities: probabilities[index]!,
    cnnProbabilities: Array.from(
      logits.subarray(index * CLASSES, (index + 1) * CLASSES),
      (logit) => 1 / (1 + Math.exp(-logit)),
    ),
  }));
}

function keySliceOf(stack: SliceStack, { sliceIndex, classIndex, probability }: KeySliceChoice): KeySlice {
  return { ...frameOf(stack.slices[sliceIndex]!), finding: FINDING_CLASSES[classIndex]!, score: probability };
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
