/** Words of the page that several sections share. */

import type { Acceptable } from '@ichor/analysis/accepted';
import type { FindingClass } from '@ichor/shared/study';
import type { Evaluation } from '../evaluation.ts';
import type { LevelName } from '../figures/cases.ts';
import type { ThresholdSets } from '../figures/levelFigures.ts';
import { count } from '../numbers.ts';

/** E.g. `Subdural`, `Any hemorrhage`. */
export const findingName = (name: FindingClass): string =>
  name === 'any' ? 'Any hemorrhage' : name.charAt(0).toUpperCase() + name.slice(1);

export const LEVEL_NAMES: Readonly<Record<LevelName, string>> = { scan: 'scans', slice: 'slices' };

/** E.g. `5 labelled studies of 3 patients (Patient ID)`. */
export function whoWasStudied({ studies, patients, patientFrom }: Evaluation['data']): string {
  const labelled = count(studies, 'labelled study', 'labelled studies');
  return patientFrom === 'study'
    ? `${labelled}, whose patients are not known`
    : `${labelled} of ${count(patients, 'patient')} (${patientFrom})`;
}

/** What the intervals take for one: patients, or studies where nothing says which of them are of one patient. E.g. `3 patients`. */
export const units = (number: number, { patientFrom }: Evaluation['data']): string =>
  patientFrom === 'study' ? count(number, 'study', 'studies') : count(number, 'patient');

/** E.g. `balanced`, `high sensitivity`. */
export const setName = (set: string): string => set.replaceAll('-', ' ');

/** The default set first. */
export function setsInOrder(thresholds: { readonly default: string; readonly sets: ThresholdSets }): string[] {
  return [thresholds.default, ...Object.keys(thresholds.sets).filter((set) => set !== thresholds.default)];
}

/** What is unusual about the data, in words: accepted against production's rules, or without a partner. */
export function leftovers(data: Evaluation['data']): string[] {
  const { labelsWithoutImage, studiesWithoutLabel, instancesWithoutLabel, inconsistentLabels, accepted, missing } =
    data;
  return [
    ...accepted.map((one) => acceptedWords(one, one === 'derived' ? null : (missing[one] ?? 0))),
    ...(labelsWithoutImage > 0 ? [`${count(labelsWithoutImage, 'label')} without an image in the folders`] : []),
    ...(studiesWithoutLabel.length > 0
      ? [`${count(studiesWithoutLabel.length, 'study', 'studies')} without a label, not evaluated`]
      : []),
    ...(instancesWithoutLabel > 0
      ? [`${count(instancesWithoutLabel, 'image')} without a label in labelled studies`]
      : []),
    ...(inconsistentLabels > 0 ? [`${count(inconsistentLabels, 'label')} whose "any" contradicts the subtypes`] : []),
  ];
}

/** @param images that lack the attribute */
function acceptedWords(what: Acceptable, images: number | null): string {
  const lacking = count(images ?? 0, 'image');
  return {
    derived: 'accepted here, refused in production: derived images',
    'missing-sop-class': `accepted here, refused in production: ${lacking} without a SOP Class UID, taken for CT images`,
    'missing-body-part': `accepted here, refused in production unless a description names the head: ${lacking} without a Body Part Examined`,
    'missing-image-type': `${lacking} without an Image Type: original or derived is not known`,
  }[what];
}
