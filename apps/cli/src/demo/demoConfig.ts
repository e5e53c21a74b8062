/** The configuration of a demo: its own folder, ports and PACS; model and inference as the settings say. */
import type { Config } from '@ichor/settings/config';
import { loadConfig } from '@ichor/settings/config';
import { givenSettings, textsOf } from '@ichor/settings/givenSettings';
import { IchorError } from '@ichor/shared/errors';
import type { DemoFolder } from './demoFolder.ts';
import { freePort } from './freePort.ts';

export const PACS_AE_TITLE = 'HOSPPACS';
export const SCANNER_AE_TITLE = 'CTSCANNER';
/** Short: the scanner of the demo sends without a break. */
const QUIET_PERIOD_MS = 2_000;
const DISK_FLOOR_BYTES = 104_857_600;
const KEPT = [
  'ICHOR_MODEL',
  'ICHOR_THRESHOLDS',
  'ICHOR_EXECUTION_PROVIDERS',
  'ICHOR_INFERENCE_THREADS',
  'ICHOR_INFERENCE_TIMEOUT_MS',
];

/** Reached from this machine only, therefore without sign-in: nothing else switches it off. @throws IchorError CONFIG_INVALID */
export async function demoConfig(
  env: Readonly<Record<string, string | undefined>>,
  folder: Pick<DemoFolder, 'data'>,
  pacsPort: number,
): Promise<Config> {
  const config = loadConfig({
    ...keptOf(env),
    ICHOR_DATA_DIR: folder.data,
    ICHOR_DICOM_PORT: String(await freePort(11112)),
    ICHOR_HTTP_PORT: String(await freePort(8080)),
    ICHOR_CALLERS: `${SCANNER_AE_TITLE},${PACS_AE_TITLE}`,
    ICHOR_DESTINATIONS: `${PACS_AE_TITLE}@127.0.0.1:${pacsPort}?commitment=off`,
    ICHOR_QUIET_PERIOD_MS: String(QUIET_PERIOD_MS),
    ICHOR_DISK_FLOOR_BYTES: String(DISK_FLOOR_BYTES),
  });
  return Object.freeze({ ...config, signIn: false });
}

/** Of the file that ICHOR_CONFIG names too, but nothing else of it: it may name the hospital's database. */
function keptOf(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const { given, problems } = givenSettings(env);
  if (problems.length > 0) throw new IchorError('CONFIG_INVALID', { problems: problems.join('; ') });
  const texts = textsOf(given);
  return Object.fromEntries(KEPT.map((name) => [name, texts[name]]));
}
