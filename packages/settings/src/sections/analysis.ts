/** Settings of the worker's analysis: model, thresholds, inference, heat maps. */
import { list, onOff, path, someOf, wholeNumber } from '../readers.ts';
import type { SettingTable } from '../setting.ts';

export const ANALYSIS = {
  workerQueues: {
    name: 'ICHOR_WORKER_QUEUES',
    reader: someOf('triage', 'delivery', 'notification'),
    default: 'triage,delivery,notification',
    about: 'what this worker does',
  },
  modelDir: { name: 'ICHOR_MODEL', reader: path, default: 'models/default', about: 'model bundle folder' },
  thresholds: {
    name: 'ICHOR_THRESHOLDS',
    reader: list,
    default: '',
    about: 'threshold set of the bundle, or class=value,… that override it',
  },
  executionProviders: {
    name: 'ICHOR_EXECUTION_PROVIDERS',
    reader: list,
    default: 'cpu',
    about: 'onnxruntime execution providers, in order',
  },
  inferenceThreads: {
    name: 'ICHOR_INFERENCE_THREADS',
    reader: wholeNumber(1, 128),
    default: '2',
    about: 'threads of one inference',
  },
  inferenceTimeoutMs: {
    name: 'ICHOR_INFERENCE_TIMEOUT_MS',
    reader: wholeNumber(1_000, 3_600_000, 'ms'),
    default: '300000',
    about: 'a study whose analysis takes longer is stopped and tried once more',
  },
  sliceDecodeTimeoutMs: {
    name: 'ICHOR_SLICE_DECODE_TIMEOUT_MS',
    reader: wholeNumber(100, 600_000, 'ms'),
    default: '10000',
    about:
      'computing time that decoding a slice of up to 1024 × 1024 may take, a larger one in proportion more; then it is undecodable',
  },
  heatmaps: { name: 'ICHOR_HEATMAPS', reader: onOff, default: 'on', about: 'write the Grad-CAM series' },
} satisfies SettingTable;
