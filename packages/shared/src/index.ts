/** The only public door of the shared package. */
export * from './aeTitles.ts';
export * from './config.ts';
export * from './dicom/dataset.ts';
export * from './dicom/uid.ts';
export * from './errors.ts';
export * from './jobs.ts';
export * from './reasons.ts';
export * from './study.ts';
