/** Synthetic head CT as DICOM, for demonstrations, tests and pre-training. */
export { BLEEDS, type Bleed } from './bleeds.ts';
export { CONFOUNDERS, type Confounder } from './confounders.ts';
export { type DatasetOf, encodePart10, PHANTOM_TRANSFER_SYNTAXES } from './encodePart10.ts';
export { generatePhantom, type Phantom, type PhantomOptions, type PhantomSlice } from './generatePhantom.ts';
export { type PhantomCommand, runPhantomCommand } from './phantomCommand.ts';
export { seededRandom } from './random.ts';
export { type PhantomStudy, type PhantomStudyOptions, writePhantomStudy } from './writeStudy.ts';
