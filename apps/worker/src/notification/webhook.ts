/**
 * A result as signed JSON by HTTP POST. 2xx: taken. 408, 429, 5xx: later, after Retry-After if that is given. Anything else, a
 * redirect too, is a refusal: a signed message goes nowhere but where the site said.
 */
import { createHmac } from 'node:crypto';
import type { Webhook } from '@ichor/settings/notificationSettings';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { StudyView } from '@ichor/shared/study';
import { Refusal } from './refusal.ts';

export type WebhookEvent = { readonly eventId: string; readonly type: 'study.result'; readonly study: StudyView };

/** `t=<unix seconds>,v1=<hex HMAC-SHA-256 of "t.body">` */
export const signature = (secret: string, body: string, unixSeconds: number): string =>
  `t=${unixSeconds},v1=${createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex')}`;

/** @throws IchorError NOTIFICATION_UNREACHABLE, NOTIFICATION_UNANSWERED, NOTIFICATION_DEFERRED, NOTIFICATION_REFUSED */
export async function postWebhook(
  { name: destination, url }: Webhook,
  secret: string,
  event: WebhookEvent,
  timeoutMs: number,
): Promise<void> {
  const body = JSON.stringify(event);
  const headers = {
    'Content-Type': 'application/json',
    'User-Agent': 'Ichor',
    'Ichor-Event-Id': event.eventId,
    'Ichor-Signature': signature(secret, body, Math.floor(Date.now() / 1000)),
  };
  const request = {
    method: 'POST',
    headers,
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  } as const;
  const answer = await fetch(url, request).catch((error: unknown) => {
    throw connectionError(destination, error, timeoutMs);
  });
  await answer.body?.cancel();
  if (answer.ok) return;
  const later = answer.status >= 500 || answer.status === 408 || answer.status === 429;
  const facts = { destination, reason: `it answered ${answer.status}` };
  throw new Refusal(later ? 'NOTIFICATION_DEFERRED' : 'NOTIFICATION_REFUSED', facts, {
    retryAfterMs: retryAfterMs(answer.headers.get('retry-after')),
  });
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3). */
export function retryAfterMs(text: string | null, now = Date.now()): number | null {
  if (text === null) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** A request that was not sent for sure is UNREACHABLE: then nothing else needs to be tried there either. */
function connectionError(destination: string, error: unknown, timeoutMs: number): IchorError {
  if ((error as Error).name === 'TimeoutError')
    return new IchorError('NOTIFICATION_UNANSWERED', { destination, reason: `no answer within ${timeoutMs} ms` });
  const cause = (error as Error).cause ?? error;
  const code = String((cause as { code?: unknown }).code ?? '');
  const unsent =
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|.*CERT.*|ERR_TLS.*|ERR_SSL.*)$/;
  return new IchorError(
    unsent.test(code) ? 'NOTIFICATION_UNREACHABLE' : 'NOTIFICATION_UNANSWERED',
    { destination, reason: reasonOf(cause) },
    error,
  );
}
