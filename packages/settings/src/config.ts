/**
 * The configuration: settings in, one frozen object and every problem at once out. `process.env` comes from `main.ts`; nothing else
 * is read but the file that ICHOR_CONFIG names. The settings themselves are declared in `sections/`.
 */
import { IchorError } from '@ichor/shared/errors';
import { givenSettings, textsOf } from './givenSettings.ts';
import { ANALYSIS } from './sections/analysis.ts';
import { DELIVERY } from './sections/delivery.ts';
import { DICOM_TLS, type DicomTls, dicomTlsOf, dicomTlsProblems } from './sections/dicomTls.ts';
import { EVERY_ROLE } from './sections/everyRole.ts';
import { MAIL, type MailSettings, mailOf, mailProblems } from './sections/mail.ts';
import { NOTIFICATION, webhookProblems } from './sections/notification.ts';
import { OIDC, type OidcSettings, oidcOf, oidcProblems } from './sections/oidc.ts';
import { RECEIVER } from './sections/receiver.ts';
import { SIGN_IN } from './sections/signIn.ts';
import { WORKLIST } from './sections/worklist.ts';
import { type Given, type Refuse, readTable, type Texts, type ValuesOf } from './setting.ts';
import { unknownNames } from './unknownNames.ts';
import { warningsOf } from './warnings.ts';

/** Those that stand alone; the others make `tls`, `oidc` and `mail`. */
const SINGLE = {
  ...EVERY_ROLE,
  ...RECEIVER,
  ...ANALYSIS,
  ...DELIVERY,
  ...NOTIFICATION,
  ...WORKLIST,
  ...SIGN_IN,
};

/** The effective configuration; times in milliseconds, sizes in bytes, paths absolute. */
export type Config = ValuesOf<typeof SINGLE> & {
  readonly tls: DicomTls | null;
  readonly oidc: OidcSettings | null;
  readonly mail: MailSettings | null;
};

export type ConfigReport = {
  /** Null when there is a problem. */
  readonly config: Config | null;
  readonly given: Given;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

/** Reads every setting and reports every problem at once. @param env usually `process.env` */
export function readConfig(env: Texts): ConfigReport {
  const { given, problems: unreadable } = givenSettings(env);
  const texts = textsOf(given);
  const problems: string[] = [];
  const refuse: Refuse = (name, reason) => problems.push(withPlaces(`${name} ${reason}`, [name], given));
  const config: Config = Object.freeze({
    ...readTable(SINGLE, texts, refuse),
    tls: dicomTlsOf(readTable(DICOM_TLS, texts, refuse)),
    oidc: oidcOf(readTable(OIDC, texts, refuse)),
    mail: mailOf(readTable(MAIL, texts, refuse)),
  });
  problems.push(...unknownNames(given).map(({ name, problem }) => withPlaces(problem, [name], given)));
  const together = [dicomTlsProblems, oidcProblems, webhookProblems, mailProblems].flatMap((check) => check(texts));
  problems.push(...together.map((problem) => withPlaces(problem, problem.match(/ICHOR_[A-Z_]+/g) ?? [], given)));
  const all = [...unreadable, ...problems];
  return all.length > 0
    ? { config: null, given, problems: all, warnings: [] }
    : { config, given, problems: all, warnings: warningsOf(config) };
}

/** The configuration or CONFIG_INVALID naming every problem. */
export function loadConfig(env: Texts): Config {
  const { config, problems } = readConfig(env);
  if (config === null) throw new IchorError('CONFIG_INVALID', { problems: problems.join('; ') });
  return config;
}

/** With the lines of the settings that stand in a file. @param names those that the problem is about */
function withPlaces(problem: string, names: readonly string[], given: Given): string {
  const places = names.flatMap((name) => given[name]?.place ?? []);
  return places.length > 0 ? `${problem} (${places.join(', ')})` : problem;
}
