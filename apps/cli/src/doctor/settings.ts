/** The effective settings as rows of a table: name, value, where it comes from, meaning. Secrets are masked. */
import { type Given, readSetting, type Setting } from '@ichor/settings/setting';
import { SETTINGS } from '@ichor/settings/settings';

/** A text that cannot be read is shown as it was given. */
export function settingRows(given: Given): string[][] {
  return Object.values(SETTINGS).map((setting) => {
    const here = given[setting.name];
    return [setting.name, shownValue(setting, here?.text), here ? (here.place ?? 'set') : 'default', setting.about];
  });
}

function shownValue(setting: Setting, text: string | undefined): string {
  if (text !== undefined && setting.secret) return '***';
  const shown = text ?? setting.default;
  if (shown === null) return `(${setting.unset ?? 'none'})`;
  return maskSecrets(effectiveText(setting, shown)) || '(none)';
}

/** A path as it is used, not as it was given. */
function effectiveText(setting: Setting, text: string): string {
  try {
    const value = readSetting(setting, text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text;
  }
}

/** `postgres://ichor:secret@host/db` → `postgres://ichor:***@host/db`; the same for passwords in a query. */
export function maskSecrets(text: string): string {
  return text
    .replace(/(:\/\/[^\s:/?#]*):.*@(?=[^@]*$)/, '$1:***@')
    .replace(/([?&](?:password|sslpassword|token)=)[^&]*/gi, '$1***');
}
