/** What an answer to C-STORE says of the instance. */
import { IchorError } from '@ichor/shared/errors';
import { isOutOfResources, meansStored, statusText } from '../statuses.ts';
import type { InstanceFile } from './instanceFile.ts';
import type { Peer } from './peer.ts';

export type StoreResponse = {
  /** A peer may leave out what the standard requires. */
  getStatus(): number | undefined;
  getErrorComment(): string | undefined;
  getCommandDataset(): { getElement(keyword: string): unknown };
};

/** Null: the peer has the instance now. */
export function storeFault(peer: Peer, file: InstanceFile, response: StoreResponse): IchorError | null {
  return misanswered(peer, file, response) ?? refused(peer, file, response);
}

/** An answer that names another instance says nothing of this one (PS3.7 §9.3.1.2). The UID may be left out. */
function misanswered(peer: Peer, { sopInstanceUid }: InstanceFile, response: StoreResponse): IchorError | null {
  const answered = response.getCommandDataset().getElement('AffectedSOPInstanceUID');
  const other = typeof answered === 'string' ? answered.replaceAll(/[\0 ]+$/g, '') : '';
  if (other === '' || other === sopInstanceUid) return null;
  return new IchorError('STORE_MISANSWERED', { destination: peer.aeTitle, sopInstanceUid, other: other.slice(0, 64) });
}

/** C-STORE statuses (PS3.4 Table B.2-1, PS3.7 Annex C). Warnings mean stored; 0111 means that it was there already. */
function refused(peer: Peer, { sopInstanceUid }: InstanceFile, response: StoreResponse): IchorError | null {
  const status = response.getStatus();
  if (typeof status !== 'number')
    return new IchorError('ASSOCIATION_LOST', { destination: peer.aeTitle, reason: 'it answered without a status' });
  if (meansStored(status)) return null;
  const facts = {
    destination: peer.aeTitle,
    sopInstanceUid,
    status: statusText(status),
  };
  if (isOutOfResources(status)) return new IchorError('STORE_OUT_OF_RESOURCES', facts);
  return new IchorError('STORE_REFUSED', { ...facts, comment: response.getErrorComment() || 'no comment' });
}
