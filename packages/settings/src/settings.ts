/** All settings, by section: what the configuration is read from, and what `ichor doctor` and docs/configuration.md list. */
import { ANALYSIS } from './sections/analysis.ts';
import { DELIVERY } from './sections/delivery.ts';
import { DICOM_TLS } from './sections/dicomTls.ts';
import { EVERY_ROLE } from './sections/everyRole.ts';
import { MAIL } from './sections/mail.ts';
import { NOTIFICATION } from './sections/notification.ts';
import { OIDC } from './sections/oidc.ts';
import { RECEIVER } from './sections/receiver.ts';
import { SIGN_IN } from './sections/signIn.ts';
import { WORKLIST } from './sections/worklist.ts';
import type { Setting, SettingTable } from './setting.ts';

export type Section = { readonly title: string; readonly tables: readonly SettingTable[] };

export const SECTIONS: readonly Section[] = [
  { title: 'Every role', tables: [EVERY_ROLE, DICOM_TLS] },
  { title: 'Receiver', tables: [RECEIVER] },
  { title: 'Worker: analysis', tables: [ANALYSIS] },
  { title: 'Worker: delivery', tables: [DELIVERY] },
  { title: 'Worker: notification', tables: [NOTIFICATION, MAIL] },
  { title: 'Worklist', tables: [WORKLIST] },
  { title: 'Worklist: sign-in', tables: [SIGN_IN, OIDC] },
];

export const settingsOf = ({ tables }: Section): readonly Setting[] => tables.flatMap((table) => Object.values(table));

/** Every setting by its name. */
export const SETTINGS: Readonly<Record<string, Setting>> = Object.fromEntries(
  SECTIONS.flatMap(settingsOf).map((setting) => [setting.name, setting]),
);

/** Beside them, and none of Ichor's: the tests and the training read these. */
export const NAMES_OF_OTHERS: readonly string[] = ['ICHOR_CHROMIUM', 'ICHOR_PYTHON', 'ICHOR_SHARED_DATA'];
