/** A process of its own that sends results as HL7 messages, with the sender that the worker has. */
import '../collectGarbage.ts';
import { loadConfig } from '@ichor/settings/config';
import { asIchorError } from '@ichor/shared/errors';
import type { ResultView } from '@ichor/store/studyView';
import { lanesOf, send } from '@ichor/worker/notification/lanes';
import { parseAck } from '@ichor/worker/notification/mllpClient';

export type ToSender = {
  readonly port: number;
  readonly controlId: string;
  readonly content: ResultView;
  readonly ack: string;
};
/** `delivered`, or the code of an error with its message. */
export type FromSender =
  | { readonly kind: 'ready' }
  | { readonly kind: 'sent'; readonly outcome: string; readonly message: string };

const TIMEOUT_MS = 200;
process.on('disconnect', () => process.exit(0));
process.on('message', async ({ port, controlId, content, ack }: ToSender) => {
  const env = {
    ICHOR_HL7_DESTINATIONS: `127.0.0.1:${port}?app=RIS&facility=HOSPITAL`,
    ICHOR_NOTIFICATION_TIMEOUT_MS: String(TIMEOUT_MS),
  };
  const config = loadConfig(env);
  const claimed = { controlId, createdAt: new Date(1_700_000_000_000), correction: false };
  try {
    parseAck(ack);
    await send(config, lanesOf(config)[0]!, claimed as Parameters<typeof send>[2], content);
    say({ kind: 'sent', outcome: 'delivered', message: '' });
  } catch (thrown) {
    const error = asIchorError(thrown);
    say({
      kind: 'sent',
      outcome: error.code,
      message: error.code === 'INTERNAL' ? String((thrown as Error).stack) : error.message,
    });
  }
});

const say = (message: FromSender): void => void process.send!(message);
say({ kind: 'ready' });
