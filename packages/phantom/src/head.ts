/** The head before any slice is painted: pose, size, tissue, age. Lengths in mm, densities in Hounsfield units. */

import type { Random } from '@ichor/shared/random';
import { smoothNoise } from './field.ts';

export type Head = {
  readonly size: number;
  readonly pixelSpacingMm: number;
  /** Per pixel: head coordinates (x towards the patient's left, y towards posterior), mm. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly angle: Float32Array;
  /** Half axes of the inner skull at its widest. */
  readonly halfWidthMm: number;
  readonly halfLengthMm: number;
  readonly wobble: Float32Array;
  readonly skullMm: number;
  readonly scalpMm: number;
  /** 0 young to 1 old: wide sulci and ventricles. */
  readonly atrophy: number;
  readonly hu: {
    readonly bone: number;
    readonly gray: number;
    readonly white: number;
    readonly csf: number;
    readonly falx: number;
    readonly sinus: number;
  };
  /** Folding of the cortex: two fields, mixed along the height so that gyri change from slice to slice. */
  readonly foldsLow: Float32Array;
  readonly foldsHigh: Float32Array;
  readonly texture: Float32Array;
};

const FIELD_OF_VIEW_MM = 230;

export function makeHead(random: Random, size: number): Head {
  const pixelSpacingMm = FIELD_OF_VIEW_MM / size;
  const pose = { turn: random.normal(0, 6) * (Math.PI / 180), dx: random.normal(0, 4), dy: random.normal(0, 4) };
  const lobes = [random.normal(0, 0.02), random.normal(0, 0.02), random.normal(0, 0.02)];
  const pixels = size * size;
  const [x, y, angle, wobble] = [
    new Float32Array(pixels),
    new Float32Array(pixels),
    new Float32Array(pixels),
    new Float32Array(pixels),
  ];
  for (let index = 0; index < pixels; index++) {
    const right = ((index % size) + 0.5 - size / 2) * pixelSpacingMm - pose.dx;
    const down = (Math.floor(index / size) + 0.5 - size / 2) * pixelSpacingMm - pose.dy;
    x[index] = right * Math.cos(pose.turn) + down * Math.sin(pose.turn);
    y[index] = -right * Math.sin(pose.turn) + down * Math.cos(pose.turn);
    angle[index] = Math.atan2(y[index]!, x[index]!);
    wobble[index] =
      1 +
      lobes[0]! * Math.cos(3 * angle[index]!) +
      lobes[1]! * Math.sin(2 * angle[index]!) +
      0.6 * lobes[2]! * Math.cos(angle[index]!);
  }
  return {
    size,
    pixelSpacingMm,
    x,
    y,
    angle,
    wobble,
    halfWidthMm: random.between(66, 76),
    halfLengthMm: random.between(84, 94),
    skullMm: random.between(4, 9),
    scalpMm: random.between(3, 8),
    atrophy: random.uniform(),
    hu: {
      bone: random.between(900, 1500),
      gray: random.between(35, 40),
      white: random.between(26, 31),
      csf: random.between(2, 10),
      falx: random.normal(44, 3),
      sinus: random.between(48, 58),
    },
    foldsLow: smoothNoise(random.fork(), size, [14, 28], [1, 0.6]),
    foldsHigh: smoothNoise(random.fork(), size, [14, 28], [1, 0.6]),
    texture: smoothNoise(random.fork(), size, [6, 12, 24], [1, 0.5, 0.25]),
  };
}

/** One level of the head. `height` runs from −0.55 (skull base) to 0.98 (vertex). */
export type Level = {
  readonly height: number;
  readonly halfWidthMm: number;
  readonly halfLengthMm: number;
  /** Signed distance from the inner table: negative inside, mm. */
  readonly outsideMm: Float32Array;
  readonly folds: Float32Array;
  /** 0 above the skull base to 1 at its bottom. */
  readonly base: number;
  /** Pixels of lateral, third and fourth ventricle; of sulci and sylvian fissures; of the basal cisterns. */
  readonly ventricle: Uint8Array;
  readonly sulcus: Uint8Array;
  readonly cistern: Uint8Array;
};

export function makeLevel(head: Head, height: number): Level {
  const scale = height > 0 ? Math.sqrt(Math.max(0.04, 1 - height * height * 0.92)) : 1 - 0.18 * height * height;
  const [halfWidthMm, halfLengthMm] = [head.halfWidthMm * scale, head.halfLengthMm * scale];
  const pixels = head.size * head.size;
  const [outsideMm, folds] = [new Float32Array(pixels), new Float32Array(pixels)];
  const [ventricle, sulcus, cistern] = [new Uint8Array(pixels), new Uint8Array(pixels), new Uint8Array(pixels)];
  const mean = Math.sqrt(halfWidthMm * halfLengthMm);
  for (let index = 0; index < pixels; index++) {
    const radius = Math.hypot(head.x[index]! / halfWidthMm, head.y[index]! / halfLengthMm) * head.wobble[index]!;
    outsideMm[index] = (radius - 1) * mean;
    folds[index] = head.foldsLow[index]! * (1 - 0.5 * (height + 0.5)) + head.foldsHigh[index]! * (0.5 * (height + 0.5));
    const depthMm = -outsideMm[index]!;
    if (depthMm <= 0) continue;
    const [x, y] = [head.x[index]!, head.y[index]!];
    ventricle[index] = Number(depthMm > 12 && inVentricle(head, height, x, y));
    cistern[index] = Number(
      depthMm > 10 && Math.abs(x) < 16 - Math.abs(y + 12) * 0.6 && Math.abs(height + 0.08) < 0.09,
    );
    sulcus[index] = Number(
      inSulcus(head, folds[index]!, depthMm) || inSylvianFissure(head, height, halfWidthMm, x, y, depthMm),
    );
  }
  return {
    height,
    halfWidthMm,
    halfLengthMm,
    outsideMm,
    folds,
    base: Math.min(1, Math.max(0, (-height - 0.12) / 0.4)),
    ventricle,
    sulcus,
    cistern,
  };
}

function inVentricle(head: Head, height: number, x: number, y: number): boolean {
  const width = 0.75 + 0.6 * head.atrophy;
  const lateral = Math.exp(-(((height - 0.27) / 0.22) ** 4));
  if (lateral > 0.05) {
    const apart = 9 + 7.5 * Math.min(1, Math.max(0, y / 40));
    const half = 6.5 * width * lateral * (1 + 0.5 * Math.min(1, Math.max(-0.3, y / 45)));
    const along = 1 - ((y - 4) / (36 * lateral)) ** 2;
    if (along > 0 && Math.abs(Math.abs(x) - apart) < half * Math.sqrt(along)) return true;
  }
  const third = Math.abs(x) < 1.8 * width && Math.abs(y - 2) < 14 && Math.abs(height - 0.1) < 0.1;
  const fourth = (x / 9) ** 2 + ((y - 34) / 7) ** 2 < width && Math.abs(height + 0.22) < 0.09;
  return third || fourth;
}

function inSulcus(head: Head, folds: number, depthMm: number): boolean {
  return Math.abs(folds) < 0.1 + 0.1 * head.atrophy && depthMm < 9 + 6 * head.atrophy;
}

function inSylvianFissure(
  head: Head,
  height: number,
  halfWidthMm: number,
  x: number,
  y: number,
  depthMm: number,
): boolean {
  const lateral = Math.abs(Math.abs(x) - (halfWidthMm - 14)) < 8;
  const line = Math.abs(y + 8 - 0.3 * (Math.abs(x) - 40)) < 2 + 1.5 * head.atrophy;
  return lateral && line && Math.abs(height - 0.1) < 0.15 && depthMm > 2;
}
