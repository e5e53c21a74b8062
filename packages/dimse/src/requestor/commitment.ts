/** Storage commitment, asked for (PS3.4 Annex J). */
import { SOP_CLASS, STORAGE_COMMITMENT_INSTANCE } from '@ichor/dicom/sopClasses';
import { TRANSFER_SYNTAX } from '@ichor/dicom/transferSyntaxes';
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { associate, type Conversation } from './associate.ts';
import type { InstanceFile } from './instanceFile.ts';
import { Dataset, requests } from './library.ts';
import type { Caller, Peer } from './peer.ts';
import type { ContextKey } from './presentationContexts.ts';

/** How long the association stays open for a report that comes on it (PS3.4 §J.3.3.1.2); later ones come on one of their own. */
const REPORT_WAIT_MS = 2_000;

/** An acceptor may abort when the release comes in the same moment as our response to its report. */
const REPORT_REST_MS = 250;

/** What became of a commitment request. `not-offered`: the peer does not accept the SOP Class. */
export type CommitmentAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'refused'; readonly status: number };

/**
 * Asks the peer to take responsibility for instances (N-ACTION). Its answer comes on this association or on one of its own.
 * @param onReport records an answer that comes on this association; when it throws, the peer is told to report again
 * @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED, ASSOCIATION_LOST
 */
export async function requestCommitment(
  peer: Peer,
  caller: Caller,
  { transactionUid, instances }: CommitmentRequest,
  onReport: (report: CommitmentReport) => Promise<void>,
): Promise<CommitmentAnswer> {
  const context: ContextKey = `${SOP_CLASS.storageCommitmentPush} ${TRANSFER_SYNTAX.implicitLittleEndian}`;
  const reported = Promise.withResolvers<void>();
  const answered = reported.promise.then(() => pause(REPORT_REST_MS));
  let answer: CommitmentAnswer = { kind: 'not-offered' };
  const conversation: Conversation = {
    requestsFor(accepted) {
      if (!accepted.has(context)) return [new requests.CEchoRequest()];
      answer = { kind: 'refused', status: NO_RESPONSE };
      const request = commitmentRequest(transactionUid, instances);
      request.on('response', (response: { getStatus(): number | undefined }) => {
        const status = response.getStatus() ?? NO_RESPONSE;
        answer = status === 0 ? { kind: 'accepted' } : { kind: 'refused', status };
      });
      return [request as never];
    },
    onEventReport: (report) => onReport(report).finally(reported.resolve),
    beforeRelease: () => (answer.kind === 'accepted' ? soon(answered, REPORT_WAIT_MS) : Promise.resolve()),
  };
  await associate(peer, caller, [context], conversation).catch((error: unknown) => {
    if (answer.kind !== 'accepted') throw error;
  });
  return answer;
}

export type CommitmentRequest = {
  readonly transactionUid: string;
  readonly instances: readonly Pick<InstanceFile, 'sopClassUid' | 'sopInstanceUid'>[];
};

/** No DIMSE status, but what stands for one when the peer released without an answer. */
const NO_RESPONSE = 0xffff;

function commitmentRequest(transactionUid: string, instances: CommitmentRequest['instances']) {
  const request = new requests.NActionRequest(SOP_CLASS.storageCommitmentPush, STORAGE_COMMITMENT_INSTANCE, 1);
  const elements = { TransactionUID: transactionUid, ReferencedSOPSequence: instances.map(reference) };
  request.setDataset(new Dataset(elements, TRANSFER_SYNTAX.implicitLittleEndian));
  return request;
}

const reference = ({ sopClassUid, sopInstanceUid }: CommitmentRequest['instances'][number]) => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: sopInstanceUid,
});

/** Waits for the event, but no longer than that. */
async function soon(event: Promise<void>, longestMs: number): Promise<void> {
  await Promise.race([event, pause(longestMs)]);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
