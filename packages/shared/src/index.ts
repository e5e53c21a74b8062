/** The only public door of the shared package. */
export * from './aeTitles.ts';
export * from './config.ts';
export * from './database.ts';
export * from './dicom/dataset.ts';
export * from './dicom/ownObjects.ts';
export * from './dicom/part10.ts';
export * from './dicom/transferSyntaxes.ts';
export * from './dicom/uid.ts';
export * from './errors.ts';
export * from './incidents.ts';
export * from './jobs.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './queues.ts';
export * from './reasons.ts';
export * from './spool.ts';
export * from './study.ts';
