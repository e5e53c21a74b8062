/** Mail for positive studies: three settings that stand together. */
import { anyText, list, url } from '../readers.ts';
import type { SettingTable, Texts, ValuesOf } from '../setting.ts';

export const MAIL = {
  url: {
    name: 'ICHOR_MAIL_URL',
    reader: url('smtp', 'smtps'),
    default: null,
    about: 'mail server for positive studies, smtp[s]://[user:password@]host[:port]',
  },
  from: { name: 'ICHOR_MAIL_FROM', reader: anyText, default: null, about: 'sender of mail' },
  to: { name: 'ICHOR_MAIL_TO', reader: list, default: '', about: 'addresses that get mail' },
} satisfies SettingTable;

/** Mail for positive studies, one message per address of `to`. */
export type MailSettings = { readonly url: string; readonly from: string; readonly to: readonly string[] };

/** Null: no mail is sent. */
export function mailOf({ url: server, from, to }: ValuesOf<typeof MAIL>): MailSettings | null {
  return server === null || from === null ? null : { url: server, from, to };
}

export function mailProblems(texts: Texts): string[] {
  const names = Object.values(MAIL).map(({ name }) => name);
  const missing = names.filter((name) => !texts[name]);
  return missing.length > 0 && missing.length < names.length
    ? [`${names.join(', ')} must be set together: ${missing.join(', ')} is missing`]
    : [];
}
