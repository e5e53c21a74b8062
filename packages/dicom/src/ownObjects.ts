/** How Ichor recognises what it wrote itself when a PACS forwards it back (DESIGN §1, rule 5). */
import type { Dataset } from './dataset.ts';

export const MANUFACTURER = 'Ichor project';
export const MODEL_NAME = 'Ichor ICH triage';

/** True for a dataset whose Contributing Equipment (0018,A001) names us. */
export function isOwnObject(dataset: Dataset): boolean {
  return dataset
    .items('x0018a001')
    .some((item) => item.text('x00080070') === MANUFACTURER && item.text('x00081090') === MODEL_NAME);
}
