/** Which destinations the configuration names, and how a result is sent to one of them. */
import type { Config } from '@ichor/settings/config';
import type { NotificationLane } from '@ichor/settings/notificationSettings';
import { IchorError } from '@ichor/shared/errors';
import type { Claimed } from '@ichor/store/rows/notification';
import type { ResultView } from '@ichor/store/studyView';
import { writeOru } from './hl7Message.ts';
import { sendMail, writeLetter } from './mail.ts';
import { sendHl7 } from './mllpClient.ts';
import { postWebhook } from './webhook.ts';

export type NotificationSettings = Pick<
  Config,
  'hl7Destinations' | 'webhooks' | 'webhookSecret' | 'mail' | 'publicUrl' | 'notificationTimeoutMs'
>;

export function lanesOf(config: Pick<Config, 'hl7Destinations' | 'webhooks' | 'mail'>): NotificationLane[] {
  return [
    ...config.hl7Destinations.map(({ name }) => ({ kind: 'hl7' as const, destination: name })),
    ...config.webhooks.map(({ name }) => ({ kind: 'webhook' as const, destination: name })),
    ...(config.mail?.to ?? []).map((address) => ({ kind: 'mail' as const, destination: address })),
  ];
}

/** Sends one notification. @throws IchorError NOTIFICATION_UNREACHABLE, …_UNANSWERED, …_DEFERRED, …_REFUSED */
export async function send(
  config: NotificationSettings,
  { kind, destination }: NotificationLane,
  { controlId, createdAt, correction }: Claimed,
  content: ResultView,
): Promise<void> {
  const timeoutMs = config.notificationTimeoutMs;
  if (kind === 'hl7') {
    const receiver = config.hl7Destinations.find(({ name }) => name === destination) ?? refuseUnconfigured(destination);
    const message = writeOru(content, { ...receiver, controlId, createdAt, correction });
    return sendHl7(receiver, message, controlId, timeoutMs);
  }
  if (kind === 'webhook') {
    const webhook = config.webhooks.find(({ name }) => name === destination) ?? refuseUnconfigured(destination);
    const event = { eventId: controlId, type: 'study.result', study: content.study } as const;
    return postWebhook(webhook, config.webhookSecret ?? refuseUnconfigured(destination), event, timeoutMs);
  }
  const letter = writeLetter(content.study, config.publicUrl);
  return sendMail(config.mail ?? refuseUnconfigured(destination), destination, letter, controlId, timeoutMs);
}

function refuseUnconfigured(destination: string): never {
  throw new IchorError('NOTIFICATION_UNREACHABLE', { destination, reason: 'it is not configured any more' });
}
