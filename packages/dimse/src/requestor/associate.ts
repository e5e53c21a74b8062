/**
 * One association that we open (PS3.8 §9.2).
 *
 * connecting ──A-ASSOCIATE-AC──► exchanging ──every response──► releasing ──► closed: done
 *     │ refused, timeout             │ abort, close, timeout
 *     ▼                              ▼
 * DESTINATION_UNREACHABLE        ASSOCIATION_LOST   (ASSOCIATION_REJECTED when the peer says so for good)
 */
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { prepareLibrary } from '../prepareLibrary.ts';
import { CONNECT_TIMEOUT_MS, optionsFor } from './clientOptions.ts';
import { answerReport, type Respond } from './eventReport.ts';
import { type AcceptedAssociation, Client, type EventReport, type Request } from './library.ts';
import { type Internals, mendNetwork } from './mendNetwork.ts';
import type { Caller, Peer } from './peer.ts';
import { acceptedContexts, type ContextKey, propose } from './presentationContexts.ts';
import { type Rejection, rejected } from './rejection.ts';

export type Conversation = {
  readonly requestsFor: (accepted: ReadonlySet<ContextKey>) => Request[];
  /** What the peer reports on this association; without it no report is expected. */
  readonly onEventReport?: (report: CommitmentReport) => Promise<void>;
  /** Waited for once every request has its answer. */
  readonly beforeRelease?: () => Promise<void>;
};

/** One association: proposes, sends what `requestsFor` gives for the accepted contexts, and releases. */
export function associate(
  peer: Peer,
  caller: Caller,
  proposed: readonly ContextKey[],
  conversation: Conversation,
): Promise<void> {
  prepareLibrary();
  return new Promise((resolve, reject) => {
    const destination = peer.aeTitle;
    const client = new Client();
    let phase: 'connecting' | 'exchanging' | 'done' = 'connecting';
    const end = (error: IchorError | null): void => {
      if (phase === 'done') return;
      phase = 'done';
      clearTimeout(connectTimer);
      socketOf(client)?.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const broken = (reason: string): void =>
      end(
        new IchorError(phase === 'connecting' ? 'DESTINATION_UNREACHABLE' : 'ASSOCIATION_LOST', {
          destination,
          reason,
        }),
      );
    const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, caller.timeoutMs ?? CONNECT_TIMEOUT_MS);
    const connectTimer = setTimeout(() => broken(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs);
    /** What a listener throws would end this process: the peer's odd answer ends its association instead. */
    const unusable = (error: unknown): void => broken(`its answer cannot be used (${reasonOf(error)})`);
    client.on('connected', () => mendNetwork(client, conversation.beforeRelease, broken, unusable));
    client.on('nEventReportRequest', (request: EventReport, respond: Respond) => {
      answerReport(request, respond, conversation.onEventReport).catch(unusable);
    });
    client.on('associationAccepted', (accepted: AcceptedAssociation) => {
      clearTimeout(connectTimer);
      phase = 'exchanging';
      client.clearRequests();
      try {
        for (const request of conversation.requestsFor(acceptedContexts(accepted))) client.addRequest(request);
      } catch (error) {
        unusable(error);
      }
    });
    client.on('associationRejected', (rejection: Rejection) => end(rejected(destination, rejection)));
    client.on('associationReleased', () => end(null));
    client.on('networkError', (error: Error) => broken(networkReason(error)));
    client.on('closed', () => broken('the peer closed the connection'));
    propose(client, proposed);
    client.send(peer.host, peer.port, caller.callingAeTitle, peer.aeTitle, optionsFor(peer, caller));
  });
}

/** The library says which byte it did not understand; whoever typed a port wants to know which service it found there. */
function networkReason(error: Error): string {
  const reason = reasonOf(error).replace(/^.*-> (Connection error: )?/, '');
  return reason.startsWith('Unknown PDU type')
    ? 'what answers there does not speak DICOM; is the port that of a web server?'
    : reason;
}

const socketOf = (client: Client) => (client as unknown as Internals).network?.socket;
