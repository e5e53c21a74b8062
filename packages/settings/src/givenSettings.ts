/** What is set: in the environment, and in the file that ICHOR_CONFIG names. The environment wins. */

import type { Given, Texts } from './setting.ts';
import { readSettingsFile } from './settingsFile.ts';

export type GivenReport = { readonly given: Given; readonly problems: readonly string[] };

/** Unknown names are in it too. An empty text counts as none. @param env usually `process.env` */
export function givenSettings(env: Texts): GivenReport {
  const path = env['ICHOR_CONFIG'];
  const file: GivenReport = path ? readSettingsFile(path) : { given: {}, problems: [] };
  return { given: { ...file.given, ...givenIn(env) }, problems: file.problems };
}

const givenIn = (env: Texts): Given =>
  Object.fromEntries(
    Object.entries(env)
      .filter(([name, text]) => name.startsWith('ICHOR_') && text)
      .map(([name, text]) => [name, { text: text!, place: null }]),
  );

export const textsOf = (given: Given): Texts =>
  Object.fromEntries(Object.entries(given).map(([name, { text }]) => [name, text]));
