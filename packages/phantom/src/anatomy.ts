/** Paints one level of a healthy head into Hounsfield units. */
import type { Head, Level } from './head.ts';

const AIR = -1000;
const FAT = -70;
const SOFT_TISSUE = 35;

/** @returns float32 [size, size], Hounsfield units */
export function paintLevel(head: Head, level: Level): Float32Array {
  const hu = new Float32Array(head.size * head.size);
  for (let index = 0; index < hu.length; index++) {
    const outsideMm = level.outsideMm[index]!;
    hu[index] = outsideMm < 0 ? brainAt(head, level, index) : coverAt(head, outsideMm);
    if (level.base > 0) hu[index] = baseAt(head, level, index, hu[index]!);
  }
  paintHeadrest(head, hu);
  return hu;
}

/** Skull with diploë, and scalp. */
function coverAt(head: Head, outsideMm: number): number {
  if (outsideMm < head.skullMm) {
    const diploe = outsideMm > 0.35 * head.skullMm && outsideMm < 0.65 * head.skullMm;
    return diploe ? head.hu.bone * 0.55 : head.hu.bone;
  }
  const scalpMm = outsideMm - head.skullMm;
  if (scalpMm >= head.scalpMm) return AIR;
  if (scalpMm > head.scalpMm - 1.2) return SOFT_TISSUE;
  return scalpMm > 0.35 * head.scalpMm ? FAT : 30;
}

function brainAt(head: Head, level: Level, index: number): number {
  const { gray, white, csf, falx, sinus } = head.hu;
  const [x, y, height] = [head.x[index]!, head.y[index]!, level.height];
  const depthMm = -level.outsideMm[index]!;
  if (x * x + (y - level.halfLengthMm + 6) ** 2 < 16 && height > -0.2) return sinus;
  const falxHere = Math.abs(x + 1.2 * Math.sin(y / 25)) < 1 && (height >= 0.45 || Math.abs(y) > 22) && height > 0.15;
  if (falxHere) return falx;
  if (level.cistern[index]) return csf + 3;
  if (level.ventricle[index]) return csf;
  if (depthMm < 1.2 + 2.5 * head.atrophy) return csf + 4;
  if (level.sulcus[index]) return csf + 6;
  const deepGray = Math.abs(Math.abs(x) - 20) < 9 && Math.abs(y + 2) < 18 && Math.abs(height - 0.22) < 0.15;
  if (deepGray) return gray + 1 + head.texture[index]!;
  const cortex = Math.min(1, Math.max(0, 1 - (depthMm - 7 - 3 * level.folds[index]!) / 4));
  return white + (gray - white) * cortex + head.texture[index]!;
}

/** Petrous bones, mastoid air, orbits, nasal cavity and sphenoid wings, growing towards the bottom. */
function baseAt(head: Head, level: Level, index: number, hu: number): number {
  const [x, y] = [head.x[index]!, head.y[index]!];
  const { base, halfWidthMm, halfLengthMm } = level;
  const [outsideMm, inside] = [level.outsideMm[index]!, level.outsideMm[index]! < 0];
  const { bone } = head.hu;
  const eyeMm = Math.hypot(Math.abs(x) - 32, y + halfLengthMm * 0.78);
  if (inside && Math.abs(y + halfLengthMm * 0.38 + 0.25 * Math.abs(x)) < 3.5 && Math.abs(x) > 10) return bone * 0.6;
  if (outsideMm < head.skullMm && Math.abs(x) < 12 && y < -halfLengthMm * 0.6)
    return Math.abs(Math.abs(x) - 11) < 1.2 && inside ? 500 : -900 * base;
  if (eyeMm < 13 * base + 4) return 18;
  if (eyeMm < 17 * base + 4) return -60;
  const air =
    inside &&
    Math.abs(Math.abs(x) - halfWidthMm * 0.72) < 7 * base &&
    Math.abs(y - 28) < 9 &&
    level.folds[index]! > -0.3;
  if (air) return -750;
  const petrous = inside && Math.abs(y - 10 - 0.35 * Math.abs(x)) < 7 * base + 2 && Math.abs(x) > 14;
  return petrous ? bone * 0.8 : hu;
}

/** A thin carbon headrest below the head, as every scanner has one. */
function paintHeadrest(head: Head, hu: Float32Array): void {
  const half = (head.size * head.pixelSpacingMm) / 2;
  for (let index = 0; index < hu.length; index++) {
    const right = ((index % head.size) + 0.5) * head.pixelSpacingMm - half;
    const down = (Math.floor(index / head.size) + 0.5) * head.pixelSpacingMm - half;
    const ring = Math.abs(Math.hypot(right, down - 2) - 109);
    if (hu[index] === AIR && down > 45 && ring < 2) hu[index] = ring < 0.8 ? -320 : -760;
  }
}
