/** What an association reports. */
import type { CommitmentReport } from '@ichor/shared/commitmentReport';
import type { IchorError } from '@ichor/shared/errors';
import type { Rejection } from './negotiate.ts';
import type { StoreRequest } from './storeRequest.ts';

export type AssociationInfo = Peer & { readonly id: number; readonly callingAeTitle: string };
/** Who called, as far as that is known. */
export type Peer = { readonly remoteAddress: string; readonly callingAeTitle: string | null };

export type AssociationEvents = {
  /** Stores durably; what it throws becomes the status. */
  store(request: StoreRequest, association: AssociationInfo): Promise<void>;
  accepted(association: AssociationInfo): void;
  rejected(callingAeTitle: string, rejection: Rejection, peer: Peer): void;
  /** The connection ended without a release: a rule was broken, silence, A-ABORT, connection lost. */
  aborted(association: AssociationInfo | null, reason: string, peer: Peer): void;
  /** The release is answered next: everything was answered, and nothing more will come. */
  released(association: AssociationInfo): void;
  closed(association: AssociationInfo | null): void;
  /**
   * An instance was refused, or its transfer broke off (INSTANCE_BROKEN_OFF; then before `aborted` and `closed`).
   * @param request its chunks are what came, at least the head of the dataset as far as that came
   */
  refused(request: StoreRequest, error: IchorError, association: AssociationInfo): void;
  commitment(report: CommitmentReport): Promise<void>;
};
