/** The door of the worker: the role, and what the command line uses without it. */
export { type AnalysedStudy, analyseStudy } from './analyseStudy.ts';
export { type Decoder, openDecoder } from './decoding/decoder.ts';
export {
  type Caller,
  echo,
  type InstanceFile,
  type Peer,
  readInstanceFile,
  storeFiles,
} from './delivery/dimseClient.ts';
export { redeliver } from './delivery/redeliver.ts';
export { noFeatureCache } from './featureCache.ts';
export { verifyBundle } from './inference/bundle.ts';
export { type Inference, startInference } from './inference/inference.ts';
export { NotAnalysable } from './notAnalysable.ts';
export {
  countDeadNotifications,
  type DeadLetters,
  listNotifications,
  type NotificationQuery,
  type NotificationState,
  type NotificationView,
  type Resent,
  resendNotifications,
} from './notification/rows.ts';
export { enqueueNotifications } from './notification/runNotification.ts';
export { drawForPage, layerPng, rgbPng, slicePng } from './report/heatmapImage.ts';
export { mapOf } from './report/sliceHeatmaps.ts';
export { writeObjects } from './report/writeObjects.ts';
export { findDicomFiles } from './volume/findDicomFiles.ts';
export { sliceDigest } from './volume/pixelDigest.ts';
export { startWorkerRole } from './worker.ts';
