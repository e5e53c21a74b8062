/** Hard negatives: what looks bright, odd or blurred and is no bleed. */

import type { Random } from '@ichor/shared/random';
import { turn } from './bleeds.ts';
import type { Head, Level } from './head.ts';

export const CONFOUNDERS = [
  'pineal',
  'choroid-plexus',
  'falx',
  'scalp-hematoma',
  'infarct',
  'motion',
  'metal',
] as const;
export type Confounder = (typeof CONFOUNDERS)[number];

/** How often each occurs in a random phantom. */
const FREQUENCY: Readonly<Record<Confounder, number>> = {
  pineal: 0.5,
  'choroid-plexus': 0.5,
  falx: 0.2,
  'scalp-hematoma': 0.3,
  infarct: 0.12,
  motion: 0.12,
  metal: 0.06,
};

export function randomConfounders(random: Random): Confounder[] {
  return CONFOUNDERS.filter((confounder) => random.chance(FREQUENCY[confounder]));
}

/** Places and strengths, fixed for the whole scan. */
export type Confounding = {
  readonly kinds: ReadonlySet<Confounder>;
  readonly scalpAngle: number;
  readonly infarctAngle: number;
  readonly calcificationHu: number;
  readonly scalpHu: number;
  readonly motionDirection: number;
  readonly motionHeights: readonly number[];
};

export function planConfounding(random: Random, kinds: readonly Confounder[]): Confounding {
  return {
    kinds: new Set(kinds),
    scalpAngle: random.between(-Math.PI, Math.PI),
    infarctAngle: random.between(-Math.PI, Math.PI),
    calcificationHu: random.between(90, 250),
    scalpHu: random.normal(58, 4),
    motionDirection: random.between(0, Math.PI),
    motionHeights: [random.between(-0.3, 0.7), random.between(-0.3, 0.7)],
  };
}

/** What lies in the tissue: painted before the bleeds. */
export function paintConfounders(head: Head, level: Level, plan: Confounding, hu: Float32Array): void {
  for (const kind of plan.kinds) {
    const paint = IN_TISSUE[kind];
    if (paint === undefined) continue;
    for (let index = 0; index < hu.length; index++) paint(head, level, plan, hu, index);
  }
}

type Paint = (head: Head, level: Level, plan: Confounding, hu: Float32Array, index: number) => void;

const IN_TISSUE: Partial<Record<Confounder, Paint>> = {
  pineal: (head, level, plan, hu, index) => {
    if (Math.abs(level.height - 0.12) < 0.05 && head.x[index]! ** 2 + (head.y[index]! - 20) ** 2 < 6)
      hu[index] = plan.calcificationHu;
  },
  'choroid-plexus': (head, level, plan, hu, index) => {
    if (Math.abs(level.height - 0.2) < 0.07 && (Math.abs(head.x[index]!) - 15) ** 2 + (head.y[index]! - 26) ** 2 < 7)
      hu[index] = plan.calcificationHu * 0.85;
  },
  falx: (head, level, plan, hu, index) => {
    const inside = level.outsideMm[index]! < 0 && Math.abs(head.x[index]!) < 1.5 && Math.abs(head.y[index]! + 30) < 12;
    if (level.height > 0.5 && inside) hu[index] = plan.calcificationHu * 1.4;
  },
  infarct: (head, level, plan, hu, index) => {
    const depth = -level.outsideMm[index]! / Math.sqrt(level.halfWidthMm * level.halfLengthMm);
    const wedge = Math.cos(head.angle[index]! - plan.infarctAngle) > 0.75 && depth > 0.05 && depth < 0.65;
    if (Math.abs(level.height - 0.3) < 0.2 && wedge) hu[index]! -= 9;
  },
  'scalp-hematoma': (head, level, plan, hu, index) => {
    const [away, beyondMm] = [turn(head.angle[index]!, plan.scalpAngle), level.outsideMm[index]! - head.skullMm];
    const swelling = away < 0.5 ? head.scalpMm + 7 * Math.sqrt(1 - (away / 0.5) ** 2) : 0;
    if (Math.abs(level.height - 0.3) < 0.3 && beyondMm > 0 && beyondMm < swelling) hu[index] = plan.scalpHu;
  },
};

/** What the acquisition adds: ghost lines of a moving patient, streaks of metal. */
export function addArtefacts(head: Head, level: Level, plan: Confounding, hu: Float32Array): void {
  const moves = plan.kinds.has('motion') && plan.motionHeights.some((height) => Math.abs(level.height - height) < 0.12);
  const metal = plan.kinds.has('metal') && level.height < -0.1;
  if (!moves && !metal) return;
  const [cos, sin] = [Math.cos(plan.motionDirection), Math.sin(plan.motionDirection)];
  for (let index = 0; index < hu.length; index++) {
    const outsideMm = level.outsideMm[index]!;
    if (moves && outsideMm < 0) hu[index]! += 7 * Math.sin((head.x[index]! * cos + head.y[index]! * sin) / 3.2);
    if (metal && outsideMm < head.skullMm + head.scalpMm) hu[index]! += 30 * Math.cos(17 * head.angle[index]!);
  }
}
