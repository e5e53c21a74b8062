/** A process of its own that sends instances and asks for storage commitment, as delivery does. */
import '../collectGarbage.ts';
import { requestCommitment } from '@ichor/dimse/requestor/commitment';
import { readInstanceFile } from '@ichor/dimse/requestor/instanceFile';
import { storeInstances } from '@ichor/dimse/requestor/storeInstances';
import { asIchorError } from '@ichor/shared/errors';

export type ToDelivery = { readonly port: number; readonly files: readonly string[]; readonly commits: boolean };
/** How many the PACS took, and the codes of the errors of the others. */
export type FromDelivery =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly stored: number; readonly outcomes: readonly string[]; readonly detail: string };

const TIMEOUT_MS = 300;
process.on('disconnect', () => process.exit(0));

process.on('message', async ({ port, files, commits }: ToDelivery) => {
  const peer = { aeTitle: 'PACS', host: '127.0.0.1', port, tls: false };
  const caller = { callingAeTitle: 'ICHOR', tls: null, timeoutMs: TIMEOUT_MS };
  try {
    const instances = await Promise.all(files.map(readInstanceFile));
    if (commits) {
      const { kind } = await requestCommitment(peer, caller, { transactionUid: '1.2.3', instances }, async () => {});
      return done(0, [`commitment ${kind}`], '');
    }
    const outcomes = await storeInstances(peer, caller, instances);
    const errors = outcomes.flatMap(({ error }) => (error === null ? [] : [error]));
    done(
      outcomes.length - errors.length,
      errors.map(({ code }) => code),
      errors.map(({ message }) => message).join('; '),
    );
  } catch (thrown) {
    const error = asIchorError(thrown);
    done(0, [error.code], error.code === 'INTERNAL' ? String((thrown as Error).stack) : error.message);
  }
});

const done = (stored: number, outcomes: readonly string[], detail: string): void =>
  say({ kind: 'done', stored, outcomes, detail });
const say = (message: FromDelivery): void => void process.send!(message);
say({ kind: 'ready' });
