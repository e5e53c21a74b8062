/**
 * A synthetic head CT: anatomy, bleeds, hard negatives and the physics of the acquisition, all from one seed.
 * It is made for demonstrations, tests and pre-training; it is not anatomically faithful.
 */

import { type Random, seededRandom } from '@ichor/shared/random';
import { paintLevel } from './anatomy.ts';
import { BLEEDS, type Bleed, type PlannedBleed, paintBleed, planBleed } from './bleeds.ts';
import {
  addArtefacts,
  type Confounder,
  type Confounding,
  paintConfounders,
  planConfounding,
  randomConfounders,
} from './confounders.ts';
import { blurred } from './field.ts';
import { type Head, type Level, makeHead, makeLevel } from './head.ts';

export type PhantomOptions = {
  readonly seed: number;
  readonly slices?: number;
  /** Rows and columns. */
  readonly matrix?: number;
  /** Bleeds to paint, or `random` for the training mix: about 55 % of scans with one or more. */
  readonly bleeds?: readonly Bleed[] | 'random';
  readonly confounders?: readonly Confounder[] | 'random';
};

export type PhantomSlice = {
  /** int16 [matrix, matrix], Hounsfield units, row-major, radiological orientation. */
  readonly hu: Int16Array;
  /** 0 none, else 1 + index in {@link BLEEDS}. */
  readonly mask: Uint8Array;
  /** Presence of each of {@link BLEEDS}, then of any. */
  readonly labels: readonly boolean[];
  /** Along the patient's axis, mm, growing from skull base to vertex. */
  readonly positionMm: number;
};

export type Phantom = {
  readonly seed: number;
  readonly matrix: number;
  readonly pixelSpacingMm: number;
  readonly sliceSpacingMm: number;
  readonly bleeds: readonly Bleed[];
  readonly confounders: readonly Confounder[];
  readonly slices: readonly PhantomSlice[];
};

const LOWEST = -0.55;
const HIGHEST = 0.98;
const HEAD_HEIGHT_MM = 145;
/** A smaller bleed on a slice is not labelled: nobody could see it. */
const SMALLEST_AREA_MM2 = 12;

/** @throws RangeError for fewer than 2 slices or a matrix below 64 */
export function generatePhantom(options: PhantomOptions): Phantom {
  const { seed, slices = 30, matrix = 512 } = options;
  if (slices < 2 || matrix < 64) throw new RangeError('a phantom needs at least 2 slices and a matrix of at least 64');
  const random = seededRandom(seed);
  const head = makeHead(random.fork(), matrix);
  const kinds =
    options.bleeds === undefined || options.bleeds === 'random' ? randomBleeds(random.fork()) : options.bleeds;
  const bleeds = planBleeds(random.fork(), kinds, matrix);
  const confounders =
    options.confounders === undefined || options.confounders === 'random'
      ? randomConfounders(random.fork())
      : options.confounders;
  const scan = {
    head,
    bleeds,
    confounding: planConfounding(random.fork(), confounders),
    noiseHu: random.between(2.5, 6) * random.pick([1, 1, 1.5]),
  };
  const sliceSpacingMm = Math.round((HEAD_HEIGHT_MM / (slices - 1)) * 100) / 100;
  return {
    seed,
    matrix,
    pixelSpacingMm: head.pixelSpacingMm,
    sliceSpacingMm,
    bleeds: kinds,
    confounders,
    slices: Array.from({ length: slices }, (_, index) => {
      const height = LOWEST + ((HIGHEST - LOWEST) * index) / (slices - 1);
      return { ...makeSlice(scan, random.fork(), height), positionMm: Math.round(index * sliceSpacingMm * 100) / 100 };
    }),
  };
}

type Scan = {
  readonly head: Head;
  readonly bleeds: readonly PlannedBleed[];
  readonly confounding: Confounding;
  readonly noiseHu: number;
};

function randomBleeds(random: Random): Bleed[] {
  if (!random.chance(0.55)) return [];
  const count = 1 + Number(random.chance(0.35)) + Number(random.chance(0.08));
  const left = [...BLEEDS] as Bleed[];
  return Array.from({ length: count }, () => left.splice(Math.floor(random.uniform() * left.length), 1)[0]!);
}

/** Bleeds that surely show on some slice: a plan that paints nothing is made again. */
function planBleeds(random: Random, kinds: readonly Bleed[], matrix: number): PlannedBleed[] {
  return kinds.map((kind) => planBleed(random.fork(), kind, matrix));
}

function makeSlice(scan: Scan, random: Random, height: number): Omit<PhantomSlice, 'positionMm'> {
  const { head } = scan;
  const level = makeLevel(head, height);
  const hu = paintLevel(head, level);
  paintConfounders(head, level, scan.confounding, hu);
  const mask = new Uint8Array(hu.length);
  for (const bleed of scan.bleeds) paintBleed(head, level, bleed, hu, mask);
  return { hu: acquired(scan, random, level, hu), mask, labels: labelsOf(mask, head.pixelSpacingMm) };
}

function labelsOf(mask: Uint8Array, pixelSpacingMm: number): boolean[] {
  const areas = new Float64Array(BLEEDS.length + 1);
  for (const value of mask) areas[value]! += pixelSpacingMm * pixelSpacingMm;
  const present = BLEEDS.map((_, index) => areas[index + 1]! > SMALLEST_AREA_MM2);
  return [...present, present.some(Boolean)];
}

/** Partial volume, cupping, streaks at the skull base, artefacts, and noise that is correlated like a reconstruction's. */
function acquired(scan: Scan, random: Random, level: Level, sharp: Float32Array): Int16Array {
  const { head } = scan;
  const hu = blurred(sharp, head.size, 0.68 / head.pixelSpacingMm);
  const noise = correlatedNoise(random, head.size, scan.noiseHu);
  const phase = random.normal();
  for (let index = 0; index < hu.length; index++) {
    const outsideMm = level.outsideMm[index]!;
    if (outsideMm < 0) hu[index]! += 4 * Math.max(0, 1 + outsideMm / 10);
    if (level.base > 0 && outsideMm < 0)
      hu[index]! +=
        level.base * 6 * Math.sin(head.y[index]! / 3.5 + phase) * Math.exp(-(((head.y[index]! - 12) / 14) ** 2));
  }
  addArtefacts(head, level, scan.confounding, hu);
  const out = new Int16Array(hu.length);
  for (let index = 0; index < hu.length; index++) {
    const value = hu[index]! + noise[index]! * (hu[index]! > -500 ? 1 : 0.4);
    out[index] = Math.max(-1024, Math.min(3071, Math.round(value)));
  }
  return out;
}

/** @returns [size, size] with the given standard deviation, Hounsfield units */
function correlatedNoise(random: Random, size: number, standardDeviation: number): Float32Array {
  const white = new Float32Array(size * size);
  for (let index = 0; index < white.length; index++)
    white[index] = random.uniform() + random.uniform() + random.uniform() - 1.5;
  const noise = blurred(white, size, 0.6);
  let square = 0;
  for (const value of noise) square += value * value;
  const scale = standardDeviation / Math.sqrt(square / noise.length);
  return noise.map((value) => value * scale);
}
