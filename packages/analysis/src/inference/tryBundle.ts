/** Whether a bundle runs: its files, its ports, its golden values. */
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { Log } from '@ichor/telemetry/log';
import { type Manifest, verifyBundle } from './bundle.ts';
import { type InferenceConfig, startInference } from './inference.ts';

export type Trial = {
  /** Null where it cannot be read. */
  readonly manifest: Manifest | null;
  /** Sentences that name the file and what is expected of it; empty: it runs. */
  readonly problems: readonly string[];
};

/**
 * Every file against its digest; then, in a process of its own as in production, the ports of all graphs and the self-test.
 * @param config its `modelDir` is the bundle @throws IchorError CONFIG_INVALID when its thresholds are none of the bundle
 */
export async function tryBundle(config: InferenceConfig, log: Log): Promise<Trial> {
  const { manifest, problems } = await verifyBundle(config.modelDir);
  if (manifest === null || problems.length > 0) return { manifest, problems };
  try {
    const inference = await startInference(config, log);
    await inference.close();
    return { manifest, problems: [] };
  } catch (error) {
    return { manifest, problems: problemsOf(error) };
  }
}

/** @throws whatever says nothing of the bundle */
function problemsOf(error: unknown): string[] {
  if (!(error instanceof IchorError) || error.code === 'CONFIG_INVALID') throw error;
  if (error.code === 'BUNDLE_INVALID') return String(error.facts.reason).split('; ');
  return [`it does not run: ${reasonOf(error)}`];
}
