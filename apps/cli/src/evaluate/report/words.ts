/** Words of the page that several sections share. */
import type { FindingClass } from '@ichor/shared';
import type { LevelName } from '../figures/cases.ts';
import type { ThresholdSets } from '../figures/levelFigures.ts';

/** E.g. `Subdural`, `Any hemorrhage`. */
export const findingName = (name: FindingClass): string =>
  name === 'any' ? 'Any hemorrhage' : name.charAt(0).toUpperCase() + name.slice(1);

export const LEVEL_NAMES: Readonly<Record<LevelName, string>> = { scan: 'scans', slice: 'slices' };

/** E.g. `balanced`, `high sensitivity`. */
export const setName = (set: string): string => set.replaceAll('-', ' ');

/** The default set first. */
export function setsInOrder(thresholds: { readonly default: string; readonly sets: ThresholdSets }): string[] {
  return [thresholds.default, ...Object.keys(thresholds.sets).filter((set) => set !== thresholds.default)];
}
