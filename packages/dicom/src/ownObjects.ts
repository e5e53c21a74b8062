/** How Ichor recognises what it wrote itself when a PACS forwards it back. */
import type { Dataset } from './dataset.ts';

export const MANUFACTURER = 'Ichor project';
export const MODEL_NAME = 'Ichor ICH triage';

/** True for a dataset whose Contributing Equipment (0018,A001) names us. */
export function isOwnObject(dataset: Dataset): boolean {
  return dataset
    .items('ContributingEquipmentSequence')
    .some((item) => item.text('Manufacturer') === MANUFACTURER && item.text('ManufacturerModelName') === MODEL_NAME);
}
