/** The effective settings as rows of a table: name, value, where it comes from, meaning. Secrets are masked. */
import type { Config } from '@ichor/settings/config';
import { SETTINGS, type SettingName } from '@ichor/settings/config';

type Env = Readonly<Record<string, string | undefined>>;

/** @param config null when the configuration is invalid: then the values are shown as they were given */
export function settingRows(env: Env, config: Config | null): string[][] {
  const names = Object.keys(SETTINGS) as SettingName[];
  return names.map((name) => [
    name,
    shownValue(name, env, config),
    env[name] ? 'set' : 'default',
    SETTINGS[name].about,
  ]);
}

function shownValue(name: SettingName, env: Env, config: Config | null): string {
  const given = env[name];
  if (given && name.endsWith('_SECRET')) return '***';
  if (given) return maskSecrets(config !== null && isPath(name) ? effectivePath(name, config) : given);
  if (name === 'ICHOR_DATABASE_URL') return '(embedded, under ICHOR_DATA_DIR)';
  if (name === 'ICHOR_QUEUE_URL') return '(the database)';
  const byDefault = SETTINGS[name].schema.safeParse(undefined);
  return textOf(byDefault.success ? byDefault.data : '') || '(none)';
}

const isPath = (name: SettingName): boolean => name === 'ICHOR_DATA_DIR' || name === 'ICHOR_MODEL';
const effectivePath = (name: SettingName, config: Config): string =>
  name === 'ICHOR_MODEL' ? config.modelDir : config.dataDir;
const textOf = (value: unknown): string => {
  if (value instanceof Map) return [...value].map((pair) => pair.join('=')).join(',');
  return Array.isArray(value) ? value.join(',') : String(value ?? '');
};

/** `postgres://ichor:secret@host/db` → `postgres://ichor:***@host/db`; the same for passwords in a query. */
export function maskSecrets(text: string): string {
  return text
    .replace(/(:\/\/[^\s:/?#]*):.*@(?=[^@]*$)/, '$1:***@')
    .replace(/([?&](?:password|sslpassword|token)=)[^&]*/gi, '$1***');
}
