/** Settings of notification: HL7 receivers and webhooks. Mail stands in mail.ts. */
import { parseHl7Destinations, parseWebhooks } from '../notificationSettings.ts';
import { parsed, textOfAtLeast, wholeNumber } from '../readers.ts';
import type { SettingTable, Texts } from '../setting.ts';

export const NOTIFICATION = {
  hl7Destinations: {
    name: 'ICHOR_HL7_DESTINATIONS',
    reader: parsed('host:port[?tls=on&ca=…&app=…&facility=…],…', parseHl7Destinations),
    default: '',
    about: 'HL7 v2 receivers of results (MLLP)',
  },
  webhooks: {
    name: 'ICHOR_WEBHOOKS',
    reader: parsed('https://…,…', parseWebhooks),
    default: '',
    about: 'addresses that get each result as signed JSON',
  },
  webhookSecret: {
    name: 'ICHOR_WEBHOOK_SECRET',
    reader: textOfAtLeast(16),
    default: null,
    secret: true,
    about: 'key of Ichor-Signature',
  },
  notificationTimeoutMs: {
    name: 'ICHOR_NOTIFICATION_TIMEOUT_MS',
    reader: wholeNumber(100, 120_000, 'ms'),
    default: '15000',
    about: 'an HL7 receiver, webhook or mail server must answer within this time',
  },
} satisfies SettingTable;

export function webhookProblems(texts: Texts): string[] {
  return texts['ICHOR_WEBHOOKS'] && !texts['ICHOR_WEBHOOK_SECRET']
    ? ['ICHOR_WEBHOOKS needs ICHOR_WEBHOOK_SECRET: receivers check the signature with it']
    : [];
}
