/** Hemorrhages: where each subtype lies, and how it looks on non-contrast CT. */

import type { Random } from '@ichor/shared/random';
import { smoothNoise } from './field.ts';
import type { Head, Level } from './head.ts';

/** In the order of the labels and of the mask values 1 to 5. */
export const BLEEDS = ['epidural', 'intraparenchymal', 'intraventricular', 'subarachnoid', 'subdural'] as const;
export type Bleed = (typeof BLEEDS)[number];

/** One planned bleed; heights as in {@link Level}, angles in radians around the head. */
export type PlannedBleed = {
  readonly kind: Bleed;
  readonly height: number;
  readonly halfHeight: number;
  readonly hu: number;
  readonly side: 1 | -1;
  readonly angle: number;
  readonly halfAngle: number;
  readonly thicknessMm: number;
  readonly radiusMm: number;
  readonly xMm: number;
  readonly yMm: number;
  readonly stretch: number;
  /** How far a fluid level fills the ventricle, −0.6 to 1. */
  readonly level: number;
  readonly bothSides: boolean;
  readonly texture: Float32Array;
};

export function planBleed(random: Random, kind: Bleed, size: number): PlannedBleed {
  const side = random.chance(0.5) ? 1 : -1;
  const common = {
    kind,
    side,
    angle: (side > 0 ? 0 : Math.PI) + random.between(-1.1, 1.1),
    halfAngle: random.between(0.22, 0.48),
    thicknessMm: random.between(6, 18),
    height: random.between(-0.1, 0.75),
    halfHeight: random.between(0.14, 0.34),
    hu: random.between(52, 82),
    radiusMm: random.between(5, 20),
    xMm: random.between(12, 45) * side,
    yMm: random.between(-50, 50),
    stretch: random.between(0.7, 1.4),
    level: random.between(-0.6, 1),
    bothSides: random.chance(0.5),
    texture: smoothNoise(random.fork(), size, [10, 20], [1, 0.5]),
  } as const;
  return { ...common, ...TYPICAL[kind](random) };
}

/** What differs by subtype from the common ranges. */
const TYPICAL: Readonly<Record<Bleed, (random: Random) => Partial<PlannedBleed>>> = {
  epidural: () => ({}),
  intraparenchymal: (random) => ({ halfHeight: random.between(0.08, 0.22) }),
  intraventricular: (random) => ({
    height: random.between(0.08, 0.35),
    halfHeight: random.between(0.12, 0.28),
    hu: random.between(50, 80),
  }),
  subarachnoid: (random) => ({
    height: random.between(-0.1, 0.6),
    halfHeight: random.between(0.15, 0.4),
    hu: random.between(45, 70),
    angle: random.between(-Math.PI, Math.PI),
    halfAngle: random.between(0.8, 2.2),
    bothSides: random.chance(0.4),
  }),
  subdural: (random) => ({
    height: random.between(0.1, 0.75),
    halfHeight: random.between(0.18, 0.45),
    hu: random.between(48, 78),
    halfAngle: random.between(0.7, 1.25),
    thicknessMm: random.between(3.5, 11),
  }),
};

/** Paints a bleed into `hu` and its pixels into `mask`. @returns number of pixels painted */
export function paintBleed(head: Head, level: Level, bleed: PlannedBleed, hu: Float32Array, mask: Uint8Array): number {
  const offset = (level.height - bleed.height) / bleed.halfHeight;
  if (Math.abs(offset) >= 1) return 0;
  const full = Math.sqrt(1 - offset * offset);
  const value = BLEEDS.indexOf(bleed.kind) + 1;
  let painted = 0;
  for (let index = 0; index < hu.length; index++) {
    if (level.outsideMm[index]! >= 0) continue;
    const share = SHAPES[bleed.kind](head, level, bleed, index, full);
    if (share === 'edema') hu[index]! -= 8;
    if (share !== 'inside') continue;
    hu[index] = bleed.hu + 3 * bleed.texture[index]!;
    mask[index] = value;
    painted++;
  }
  return painted;
}

type Share = 'inside' | 'edema' | 'outside';
type Shape = (head: Head, level: Level, bleed: PlannedBleed, index: number, full: number) => Share;

const SHAPES: Readonly<Record<Bleed, Shape>> = {
  /** Biconvex, at the inner table. */
  epidural: (head, level, bleed, index, full) => {
    const [away, width] = [turn(head.angle[index]!, bleed.angle), bleed.halfAngle * full];
    return within(
      away < width && -level.outsideMm[index]! < bleed.thicknessMm * full * 1.15 * (1 - (away / width) ** 2),
    );
  },
  /** Crescent along the convexity, across sutures, not across the midline. */
  subdural: (head, level, bleed, index, full) => {
    const [away, width] = [turn(head.angle[index]!, bleed.angle), bleed.halfAngle * full];
    const thick = bleed.thicknessMm * full * (1 - (away / width) ** 6) * (1 + 0.12 * bleed.texture[index]!);
    return within(away < width && -level.outsideMm[index]! < thick && head.x[index]! * bleed.side > 1.5);
  },
  /** Round in the parenchyma, with an edema rim. */
  intraparenchymal: (head, level, bleed, index, full) => {
    if (level.ventricle[index] || -level.outsideMm[index]! < 4) return 'outside';
    const [dx, dy] = [(head.x[index]! - bleed.xMm) / bleed.stretch, (head.y[index]! - bleed.yMm) * bleed.stretch];
    const edge = Math.hypot(dx, dy) - bleed.radiusMm * full * (1 + 0.18 * bleed.texture[index]!);
    return edge < 0 ? 'inside' : edge < 5 ? 'edema' : 'outside';
  },
  /** Fluid level in the dependent (posterior) part of the ventricles. */
  intraventricular: (head, level, bleed, index) => {
    if (!level.ventricle[index] || !(bleed.bothSides || head.x[index]! * bleed.side > 0)) return 'outside';
    return within(head.y[index]! > 4 - 34 * bleed.level || (Math.abs(head.y[index]!) < 4 && bleed.level > 0.3));
  },
  /** Blood instead of fluid in sulci, sylvian fissures and cisterns. */
  subarachnoid: (head, level, bleed, index, full) => {
    if (level.ventricle[index]) return 'outside';
    if (level.cistern[index]) return within(bleed.bothSides);
    return within(level.sulcus[index] === 1 && turn(head.angle[index]!, bleed.angle) < bleed.halfAngle * full);
  },
};

const within = (inside: boolean): Share => (inside ? 'inside' : 'outside');

/** Absolute angle between two directions, radians. */
export const turn = (one: number, other: number): number =>
  Math.abs(Math.atan2(Math.sin(one - other), Math.cos(one - other)));
