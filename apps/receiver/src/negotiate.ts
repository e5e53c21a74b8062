/** Pure negotiation (PS3.8 §9.3): what was proposed → what is accepted. */
import type { Caller } from '@ichor/shared';
import { TRANSFER_SYNTAXES } from '@ichor/shared';

export const APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1';
export const VERIFICATION = '1.2.840.10008.1.1';
export const STORAGE_COMMITMENT_PUSH = '1.2.840.10008.1.20.1';
const STORAGE_PREFIX = '1.2.840.10008.5.1.4.1.1.';
/** Query/retrieve and others live under the same root but not under this arc; these few under it are no storage. */
const NO_STORAGE = new Set(['1.2.840.10008.5.1.4.1.1.200.8']);

/** Results of a presentation context (PS3.8 table 9-18). */
export const CONTEXT_RESULT = { accepted: 0, abstractSyntaxNotSupported: 3, transferSyntaxesNotSupported: 4 } as const;
export type ContextDecision =
  | { readonly result: typeof CONTEXT_RESULT.accepted; readonly transferSyntaxUid: string }
  | {
      readonly result:
        | typeof CONTEXT_RESULT.abstractSyntaxNotSupported
        | typeof CONTEXT_RESULT.transferSyntaxesNotSupported;
    };

const UNCOMPRESSED = ['1.2.840.10008.1.2.1', '1.2.840.10008.1.2'];
const STORABLE = TRANSFER_SYNTAXES.map(({ uid }) => uid);

export const isStorage = (sopClassUid: string): boolean =>
  sopClassUid.startsWith(STORAGE_PREFIX) && !NO_STORAGE.has(sopClassUid);

/** The first transfer syntax, in the proposer's order, that we can decode. */
export function decideContext(abstractSyntaxUid: string, proposed: readonly string[]): ContextDecision {
  const acceptable = acceptableFor(abstractSyntaxUid);
  if (acceptable === null) return { result: CONTEXT_RESULT.abstractSyntaxNotSupported };
  const transferSyntaxUid = proposed.find((uid) => acceptable.includes(uid));
  return transferSyntaxUid === undefined
    ? { result: CONTEXT_RESULT.transferSyntaxesNotSupported }
    : { result: CONTEXT_RESULT.accepted, transferSyntaxUid };
}

function acceptableFor(abstractSyntaxUid: string): readonly string[] | null {
  if (isStorage(abstractSyntaxUid)) return STORABLE;
  return abstractSyntaxUid === VERIFICATION || abstractSyntaxUid === STORAGE_COMMITMENT_PUSH ? UNCOMPRESSED : null;
}

/** An A-ASSOCIATE-RJ (PS3.8 table 9-21): result 1 permanent, 2 transient. */
export type Rejection = {
  readonly result: 1 | 2;
  readonly source: 1 | 2 | 3;
  readonly reason: number;
  readonly text: string;
};

export const REJECTIONS = {
  applicationContext: { result: 1, source: 1, reason: 2, text: 'application context name not supported' },
  callingAeTitle: { result: 1, source: 1, reason: 3, text: 'calling AE title not recognised' },
  calledAeTitle: { result: 1, source: 1, reason: 7, text: 'called AE title not recognised' },
  protocolVersion: { result: 1, source: 2, reason: 2, text: 'protocol version not supported' },
  localLimit: { result: 2, source: 3, reason: 2, text: 'local limit exceeded' },
} as const satisfies Record<string, Rejection>;

export type AssociationProposal = {
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly applicationContext: string;
  readonly protocolVersion: number;
  readonly remoteAddress: string;
  /** Associations open, this one included. */
  readonly openAssociations: number;
};

export type AssociationRules = {
  readonly aeTitle: string;
  readonly callers: readonly Caller[];
  readonly maxAssociations: number;
};

/** Null when the association may go on. */
export function rejectionOf(proposal: AssociationProposal, rules: AssociationRules): Rejection | null {
  if ((proposal.protocolVersion & 1) === 0) return REJECTIONS.protocolVersion;
  if (proposal.applicationContext !== APPLICATION_CONTEXT) return REJECTIONS.applicationContext;
  if (proposal.calledAeTitle.trim() !== rules.aeTitle) return REJECTIONS.calledAeTitle;
  if (!isAllowed(proposal, rules.callers)) return REJECTIONS.callingAeTitle;
  return proposal.openAssociations > rules.maxAssociations ? REJECTIONS.localLimit : null;
}

function isAllowed({ callingAeTitle, remoteAddress }: AssociationProposal, callers: readonly Caller[]): boolean {
  if (callers.length === 0) return true;
  const address = remoteAddress.replace(/^::ffff:/, '');
  return callers.some(
    (caller) => caller.aeTitle === callingAeTitle.trim() && (caller.address === null || caller.address === address),
  );
}
